import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderInUse, lockFolder, ownerOf } from './folder-lock';
import { belongsTo, markOf, processesOf, startTimeOf, stopProcessesOf, untilStalled } from './processes';

const folder = mkdtempSync(join(tmpdir(), 'rookery-processes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (script: string, mark: Record<string, string>) =>
  Bun.spawn(['sh', '-c', script], {
    env: { PATH: process.env.PATH, ...mark },
    stdio: ['ignore', 'pipe', 'ignore'],
  });

test('a mark contains the folder and the inherited ones', () => {
  const [mark] = Object.values(markOf('/data/inner', '/data/outer'));
  expect(belongsTo('/data/inner', mark)).toBe(true);
  expect(belongsTo('/data/outer', mark)).toBe(true);
  expect(belongsTo('/data', mark)).toBe(true);
  expect(belongsTo('/data/in', mark)).toBe(false);
  expect(belongsTo('/data/inner', undefined)).toBe(false);
});

test('orphans of a killed parent and their children are stopped, and no other processes', async () => {
  const ours = start('sleep 300 & echo started; wait', markOf(folder));
  const unrelated = start('echo started; exec sleep 300', markOf(`${folder}-other`));
  for (const process of [ours, unrelated]) await process.stdout.getReader().read();
  try {
    expect(processesOf(folder)).toContain(ours.pid);
    expect(processesOf(folder)).toHaveLength(2);
    expect(await stopProcessesOf(folder, { graceMs: 5_000 })).toBe(2);
    expect(processesOf(folder)).toEqual([]);
    expect(unrelated.exitCode).toBeNull();
  } finally {
    unrelated.kill('SIGKILL');
    await unrelated.exited;
  }
});

test('a process that ignores SIGTERM is killed', async () => {
  const stubborn = start('trap "" TERM; echo started; while :; do sleep 0.1; done', markOf(folder));
  await stubborn.stdout.getReader().read();
  await stopProcessesOf(folder, { graceMs: 100 });
  await stubborn.exited;
  expect(stubborn.signalCode).toBe('SIGKILL');
});

test('a folder has one owner at a time', () => {
  const release = lockFolder(folder);
  expect(ownerOf(folder)).toBe(process.pid);
  expect(() => lockFolder(folder)).toThrow(FolderInUse);
  release();
  expect(ownerOf(folder)).toBeUndefined();
});

test('the lock of a process whose pid was reused is ignored', () => {
  writeFileSync(join(folder, 'owner'), `${process.pid} ${Number(startTimeOf(process.pid)) - 1}\n`);
  expect(ownerOf(folder)).toBeUndefined();
  lockFolder(folder)();
});

describe('waiting while there is progress', () => {
  const clock = (stepMs: number) => {
    let at = 0;
    return () => {
      at += stepMs;
      return at;
    };
  };

  test('goes on however long it takes', async () => {
    let left = 30;
    const holds = await untilStalled(() => --left === 0, {
      progress: () => left,
      stallMs: 100,
      now: clock(90),
    });
    expect(holds).toBe(true);
  });

  test('ends when nothing has changed for too long, or at its limit', async () => {
    const never = { stallMs: 100, now: clock(30) };
    expect(await untilStalled(() => false, { ...never, progress: () => 'the same' })).toBe(false);
    let changes = 0;
    const limited = { stallMs: 100, timeoutMs: 200, now: clock(30), progress: () => changes++ };
    expect(await untilStalled(() => false, limited)).toBe(false);
    expect(changes).toBeLessThan(10);
  });
});
