import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareEnvironmentFile } from './environment-file';

const folder = mkdtempSync(join(tmpdir(), 'rookery-env-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const passwordIn = (file: string) => /^ADMIN_PASSWORD=(\S{12,})$/m.exec(readFileSync(file, 'utf8'))?.[1];
const modeOf = (file: string) => statSync(file).mode & 0o777;

test("a new system's operator finds the password in .env, which others cannot read", () => {
  const file = join(folder, 'new');
  expect(prepareEnvironmentFile(file, { isNew: true })).toContain('Created');
  expect([typeof passwordIn(file), modeOf(file)]).toEqual(['string', 0o600]);
  const before = readFileSync(file, 'utf8');
  expect(prepareEnvironmentFile(file, { isNew: true })).toBeUndefined();
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('an existing .env keeps its lines, and gets a password only where none can be in use', () => {
  const file = join(folder, 'existing');
  writeFileSync(file, 'LOG_LEVEL=debug', { mode: 0o644 });
  expect(prepareEnvironmentFile(file, { isNew: false })).toBeUndefined();
  expect(passwordIn(file)).toBeUndefined();
  expect(prepareEnvironmentFile(file, { isNew: true })).toContain('Added');
  expect(readFileSync(file, 'utf8')).toStartWith('LOG_LEVEL=debug\n');
  expect([typeof passwordIn(file), modeOf(file)]).toEqual(['string', 0o600]);
});
