import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { parseProcfile } from '../processes/procfile';
import { processesOn } from './machines';

const procfile = parseProcfile(await Bun.file(join(import.meta.dir, '..', '..', 'Procfile')).text());
const on = (machine: number) =>
  processesOn(
    machine,
    ['127.0.0.1', '127.0.0.2', '127.0.0.3'],
    procfile,
    (name) => `/identities/${name}.env`,
  );

test('two machines run every process, the third a registry', () => {
  const names = procfile.map(({ name }) => name).filter((name) => name !== 'infra');
  expect(on(0).map(({ name }) => name)).toEqual(names.map((name) => `${name}-1`));
  expect(on(1).map(({ name }) => name)).toEqual(names.map((name) => `${name}-2`));
  expect(on(2).map(({ name }) => name)).toEqual(['registry-3']);
});

test('a process listens on the address of its machine and has the identity of its program', () => {
  expect(on(1).find(({ name }) => name === 'users-2')?.command).toBe(
    'env HOST=127.0.0.2 PORT=5100 IDENTITY_FILE=/identities/users.env bun dist/services/users/main.js',
  );
});

test('every program of the Procfile is started from its bundle', () => {
  for (const { command } of [0, 1, 2].flatMap(on))
    expect(command).toMatch(/^env HOST=\S+ .*bun dist\/\S+\/main\.js$/);
});
