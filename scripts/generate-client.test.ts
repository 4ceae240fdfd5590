import { afterAll, beforeAll, expect, test } from 'bun:test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import clientPackage from '../clients/typescript/package.json';
import projectPackage from '../package.json';
import { generateClient } from './generate-client';

const ROOT = join(import.meta.dir, '..');
const CLIENT = join(ROOT, 'clients', 'typescript');
/** A compiler reads half a megabyte, on a slow machine. */
const COMPILE_MS = 60_000;

test(
  'the committed client matches the OpenAPI document (else run `make client`)',
  async () => {
    for (const [path, text] of Object.entries(await generateClient()))
      expect(await Bun.file(join(CLIENT, path)).text()).toBe(text);
  },
  COMPILE_MS,
);

test('its package has the version of the project and lists what it needs', () => {
  expect(clientPackage.version).toBe(projectPackage.version);
  expect(clientPackage.dependencies['openapi-fetch']).toBe(projectPackage.devDependencies['openapi-fetch']);
});

let project: string;

/** A project of its own, with the package as npm would install it: the published files and the dependencies. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'rookery-outside-'));
  const installed = join(project, 'node_modules', '@rookery', 'client');
  for (const file of ['package.json', ...clientPackage.files])
    await cp(join(CLIENT, file), join(installed, file), { recursive: true });
  for (const dependency of ['openapi-fetch', 'openapi-typescript-helpers'])
    await cp(join(ROOT, 'node_modules', dependency), join(project, 'node_modules', dependency), {
      recursive: true,
    });
  await Bun.write(join(project, 'package.json'), '{ "name": "outside", "type": "module" }');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022', 'dom'],
    strict: true,
    types: [],
  };
  await Bun.write(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
});

afterAll(() => rm(project, { recursive: true }));

/** @returns the errors of the compiler, each as `line: code` */
async function compile(source: string): Promise<string[]> {
  await Bun.write(join(project, 'main.ts'), source);
  const child = Bun.spawn([join(ROOT, 'node_modules', '.bin', 'tsc'), '--noEmit', '--pretty', 'false'], {
    cwd: project,
    stdout: 'pipe',
  });
  const output = await new Response(child.stdout).text();
  await child.exited;
  return [...output.matchAll(/^(\S+)\((\d+),\d+\): error (TS\d+)/gm)].map(([, file, line, code]) =>
    file === 'main.ts' ? `${line}: ${code}` : `${file} ${code}`,
  );
}

const START = `import { createClient, multipart, type Problem, type Schemas } from '@rookery/client';
const api = createClient({ baseUrl: 'http://127.0.0.1:8080', token: async () => 'token' });
`;

test(
  'an outside project type-checks against it',
  async () => {
    const errors = await compile(`${START}
const created = await api.POST('/posts', { body: { text: 'Hello' } });
export const post: Schemas['timelines.Post'] | undefined = created.data;
export const problem: Problem | undefined = created.error;
export const code: string | undefined = created.error?.code;
const followers = await api.GET('/users/{username}/followers', {
  params: { path: { username: 'alice' }, query: { limit: 5 } },
});
export const names: string[] = followers.data?.items.map(({ username }) => username) ?? [];
export const next: string | null | undefined = followers.data?.next_cursor;
const deleted = await api.DELETE('/posts/id/{id}', { params: { path: { id: '1' } } });
export const nothing: undefined = deleted.data;
await api.POST('/files/upload', { body: { file: new Blob(['text']) }, bodySerializer: multipart });
await api.POST('/payments', {
  params: { header: { 'Idempotency-Key': 'key' } },
  body: { amount: '10.00', currency: 'EUR', description: 'One year' },
});
`);
    expect(errors).toEqual([]);
  },
  COMPILE_MS,
);

test(
  'wrong use does not type-check',
  async () => {
    const wrong = [
      "await api.GET('/nowhere');",
      "await api.DELETE('/register');",
      "await api.POST('/posts', { body: { text: 7 } });",
      "await api.POST('/login', { body: { username: 'alice' } });",
      "await api.GET('/users/{username}');",
      "await api.GET('/users/{username}/followers', { params: { path: { username: 'a' }, query: { limit: 'many' } } });",
      "await api.POST('/payments', { body: { amount: '10.00', currency: 'EUR', description: 'No key' } });",
      "(await api.GET('/posts')).data?.items[0]?.no_such_member;",
      'createClient({});',
    ];
    const errors = await compile(
      `${START}${wrong.join('\n')}\nexport { multipart };\nexport type { Problem, Schemas };\n`,
    );
    const first = START.split('\n').length;
    expect([...new Set(errors.map((error) => Number(error.split(':')[0])))]).toEqual(
      wrong.map((_, index) => first + index),
    );
  },
  COMPILE_MS,
);
