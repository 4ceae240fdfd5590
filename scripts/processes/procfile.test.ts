import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcfile, programsIn, servicesOf } from './procfile';

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

describe('the compact profile', () => {
  const read = (name: string) => parseProcfile(readFileSync(join(import.meta.dir, '..', '..', name), 'utf8'));

  test('starts what the Procfile starts: it has no list of its own', () => {
    const [servers, compact, ...others] = read('Procfile.compact');
    expect([servers, others]).toEqual([{ name: 'infra', command: 'bun infra/main.ts --compact' }, []]);
    // Without an argument it reads the Procfile.
    expect(compact).toEqual({ name: 'compact', command: 'bun compact/main.ts' });
    const entries = read('Procfile').filter(({ name }) => name !== 'infra');
    const started = programsIn(read('Procfile'));
    expect(started.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
    for (const [index, { environment, folder }] of started.entries()) {
      const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      expect(entries[index]?.command).toBe(`env ${variables.join(' ')} bun ${folder}/main.ts`);
    }
  });

  test('refuses a command that is not a program with variables', () => {
    for (const command of ['sh start.sh', 'env A=1 B bun a/main.ts', 'bun --watch a/main.ts'])
      expect(() => programsIn([{ name: 'one', command }])).toThrow('not a program');
    expect(programsIn([{ name: 'one', command: 'bun a/main.ts' }])).toEqual([
      { name: 'one', folder: 'a', environment: {} },
    ]);
  });
});
