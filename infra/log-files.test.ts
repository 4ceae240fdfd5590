import { afterAll, expect, test } from 'bun:test';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProcessLog } from '../scripts/processes/log';
import { openLog, rotateLog, rotateOpenLog } from './log-files';

const folder = mkdtempSync(join(tmpdir(), 'rookery-logs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const pathOf = (name: string) => join(folder, name);
const modeOf = (name: string) => statSync(pathOf(name)).mode & 0o777;

test('a log is readable by its owner only, also one that was not', () => {
  closeSync(openLog(pathOf('new.log')));
  writeFileSync(pathOf('old.log'), 'before\n', { mode: 0o644 });
  chmodSync(pathOf('old.log'), 0o644);
  closeSync(openLog(pathOf('old.log')));
  expect([modeOf('new.log'), modeOf('old.log')]).toEqual([0o600, 0o600]);
});

test('a process log is rotated at its size, and one older file is kept', () => {
  const log = openProcessLog(pathOf('users.log'), 100);
  for (let line = 0; line < 50; line++) log.writeLine(`line ${line} of the log`);
  log.close();
  for (const name of ['users.log', 'users.log.1'])
    expect(statSync(pathOf(name)).size).toBeLessThanOrEqual(100 + 'line 49 of the log\n'.length);
  expect(readFileSync(pathOf('users.log.1'), 'utf8')).not.toContain('line 0 of');
  expect(modeOf('users.log.1')).toBe(0o600);
});

test('a log that another process holds open is rotated, and written on from its start', () => {
  const file = pathOf('server.log');
  const log = openLog(file);
  writeSync(log, 'x'.repeat(150));
  expect([rotateOpenLog(file, 200), rotateOpenLog(file, 100)]).toEqual([false, true]);
  writeSync(log, 'after');
  closeSync(log);
  expect(readFileSync(file, 'utf8')).toBe('after');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('x'.repeat(150));
});

test('a file that a link leads to is neither written to nor rotated', () => {
  writeFileSync(pathOf('foreign'), 'not a log of ours');
  symlinkSync(pathOf('foreign'), pathOf('linked.log'));
  expect(() => openLog(pathOf('linked.log'))).toThrow();
  rotateLog(pathOf('linked.log'));
  expect(rotateOpenLog(pathOf('linked.log'), 1)).toBe(false);
  expect(existsSync(pathOf('linked.log.1'))).toBe(false);
  expect(readFileSync(pathOf('foreign'), 'utf8')).toBe('not a log of ours');
});
