import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callersOf, mayCall } from '#kit/grpc/callers';
import type { GrpcDefinition } from '#kit/grpc/definition';
import { parseProcfile } from '../scripts/processes/procfile';

const ROOT = join(import.meta.dir, '..');
/** Implemented by several services and called in one place, under a name of its own. */
const PORTABILITY = 'PortabilityService';

/** The services of the contracts, by the names of their definitions. */
async function definitions(): Promise<Map<string, GrpcDefinition>> {
  const files = [...new Bun.Glob('contracts/gen/*/v1/*.ts').scanSync(ROOT)];
  const modules: Record<string, unknown>[] = await Promise.all(files.map((file) => import(join(ROOT, file))));
  return new Map(
    modules.flatMap((contract) =>
      Object.entries(contract).flatMap(([name, value]): [string, GrpcDefinition][] =>
        name.endsWith('ServiceDefinition') ? [[name, value as GrpcDefinition]] : [],
      ),
    ),
  );
}

const processes = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).flatMap(({ name, command }) => {
  const folder = /((?:services|workers)\/[a-z-]+)\/main\.ts/.exec(command)?.[1];
  return folder === undefined ? [] : [{ name, folder }];
});

/** The methods that the code of a process calls, as `<definition> <method>`: `users.getUser(…)` of a client for users. */
async function calledBy(folder: string, all: ReadonlyMap<string, GrpcDefinition>): Promise<string[]> {
  const files = [...new Bun.Glob(`${folder}/**/*.{ts,tsx}`).scanSync(ROOT)].filter(
    (file) => !file.endsWith('.test.ts'),
  );
  const texts = await Promise.all(files.map((file) => Bun.file(join(ROOT, file)).text()));
  const main = await Bun.file(join(ROOT, folder, 'main.ts')).text();
  const calls: string[] = [];
  for (const [name, { methods }] of all) {
    if (!main.includes(`${name},`) && !main.includes(`${name})`)) continue;
    const client = name.replace('ServiceDefinition', '').toLowerCase();
    for (const method of Object.keys(methods)) {
      const call = new RegExp(`\\b(?:client|${client})\\s*\\.${method}\\(`, 'i');
      const picked = new RegExp(`Pick<\\s*GrpcClient<${name}>,[^>]*'${method}'`);
      if (texts.some((text) => call.test(text) || picked.test(text))) calls.push(`${name} ${method}`);
    }
  }
  return calls;
}

test('a contract names every process that calls a method', async () => {
  const all = await definitions();
  const refused: string[] = [];
  let calls = 0;
  for (const { name, folder } of processes)
    for (const call of await calledBy(folder, all)) {
      const [definition = '', method = ''] = call.split(' ');
      if (definition.startsWith(PORTABILITY)) continue;
      calls++;
      const contract = all.get(definition)?.methods[method];
      if (contract === undefined || !mayCall(callersOf(contract), name)) refused.push(`${name}: ${call}`);
    }
  expect(calls).toBeGreaterThan(30);
  expect(refused).toEqual([]);
});

test('a contract names no process of ours that does not call a method', async () => {
  const all = await definitions();
  const called = new Set<string>();
  for (const { name, folder } of processes)
    for (const call of await calledBy(folder, all)) called.add(`${name}: ${call}`);
  const unused: string[] = [];
  for (const [definition, { methods }] of all)
    for (const [method, contract] of Object.entries(methods))
      for (const caller of callersOf(contract)) {
        if (!processes.some(({ name }) => name === caller) || definition.startsWith(PORTABILITY)) continue;
        if (!called.has(`${caller}: ${definition} ${method}`))
          unused.push(`${caller}: ${definition} ${method}`);
      }
  expect(unused).toEqual([]);
});
