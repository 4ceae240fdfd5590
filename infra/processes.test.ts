import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderInUse, ownerOf, takeFolder } from './owner';
import { belongsTo, markOf, processesOf, startTimeOf, stopProcessesOf } from './processes';

const folder = mkdtempSync(join(tmpdir(), 'rookery-processes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (script: string, mark: Record<string, string>) =>
  Bun.spawn(['sh', '-c', script], {
    env: { PATH: process.env.PATH, ...mark },
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test('a mark names the folder besides those it was inherited from', () => {
  const [mark] = Object.values(markOf('/data/inner', '/data/outer'));
  expect(belongsTo('/data/inner', mark)).toBe(true);
  expect(belongsTo('/data/outer', mark)).toBe(true);
  expect(belongsTo('/data', mark)).toBe(true);
  expect(belongsTo('/data/in', mark)).toBe(false);
  expect(belongsTo('/data/inner', undefined)).toBe(false);
});

test('what a killed starter left behind is found and ended, its own children too, and nobody else', async () => {
  const ours = start('sleep 300 & echo started; wait', markOf(folder));
  const stranger = start('echo started; exec sleep 300', markOf(`${folder}-other`));
  for (const process of [ours, stranger]) await process.stdout.getReader().read();
  try {
    expect(processesOf(folder)).toContain(ours.pid);
    expect(processesOf(folder)).toHaveLength(2);
    expect(await stopProcessesOf(folder, { graceMs: 5_000 })).toBe(2);
    expect(processesOf(folder)).toEqual([]);
    expect(stranger.exitCode).toBeNull();
  } finally {
    stranger.kill('SIGKILL');
    await stranger.exited;
  }
});

test('a process that does not listen to SIGTERM is killed', async () => {
  const deaf = start('trap "" TERM; echo started; while :; do sleep 0.1; done', markOf(folder));
  await deaf.stdout.getReader().read();
  await stopProcessesOf(folder, { graceMs: 100 });
  await deaf.exited;
  expect(deaf.signalCode).toBe('SIGKILL');
});

test('a folder has one owner at a time', () => {
  const release = takeFolder(folder);
  expect(ownerOf(folder)).toBe(process.pid);
  expect(() => takeFolder(folder)).toThrow(FolderInUse);
  release();
  expect(ownerOf(folder)).toBeUndefined();
});

test('the claim of a process whose number somebody else has by now counts for nothing', () => {
  writeFileSync(join(folder, 'owner'), `${process.pid} ${Number(startTimeOf(process.pid)) - 1}\n`);
  expect(ownerOf(folder)).toBeUndefined();
  takeFolder(folder)();
});
