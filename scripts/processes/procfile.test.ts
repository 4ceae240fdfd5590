import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcfile, servicesOf } from './procfile';

test('names and commands are parsed, comments and blank lines ignored', () => {
  expect(
    parseProcfile('# all\n\nweb: env PORT=1 bun web/main.ts\nlikes-validation:  bun a:b.ts  \n'),
  ).toEqual([
    { name: 'web', command: 'env PORT=1 bun web/main.ts' },
    { name: 'likes-validation', command: 'bun a:b.ts' },
  ]);
});

test('an invalid line is reported with its number', () => {
  expect(() => parseProcfile('web: bun a.ts\nnonsense')).toThrow('line 2');
  expect(() => parseProcfile('web:')).toThrow('line 1');
});

test('a duplicate name is rejected', () => {
  expect(() => parseProcfile('web: a\nweb: b')).toThrow('web');
});

test('services are identified by the file they run', () => {
  const entries = parseProcfile(
    'gateway: bun gateway/main.ts\nmembers: env PORT=1 bun services/users/main.ts',
  );
  expect(servicesOf(entries)).toEqual(['users']);
});

test('the Procfile gives every process a port of its own', () => {
  const entries = parseProcfile(readFileSync(join(import.meta.dir, '..', '..', 'Procfile'), 'utf8'));
  const ports = entries.flatMap(({ command }) => /\bPORT=(\d+)/.exec(command)?.[1] ?? []);
  expect(ports).toHaveLength(entries.length - 1);
  expect(new Set(ports).size).toBe(ports.length);
});
