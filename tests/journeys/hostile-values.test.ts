import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { request, signIn } from '../support/client';
import { dereferenced, hostilePathPart, hostileValue, MARKER } from '../support/hostile-values';
import { type System, startSystem } from '../support/system';

const START_MS = 240_000;
/** Requests in all; `INPUTS=1000000` for a long run. `SEED` repeats one. */
const INPUTS = Number(process.env.INPUTS ?? 4_000);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const CONCURRENCY = 8;
const RUN_MS = Math.max(240_000, INPUTS * 40);
const ADMIN_PASSWORD = 'the administrator of this test';
/** Ends the session that sends the requests, or holds its connection open. */
const LEFT_OUT = [
  /^POST \/auth\/logout/,
  /^DELETE \/users\/me$/,
  /\/stream$/,
  /^DELETE \/auth\/sessions/,
  /\/ws\//,
];
const MEDIA_TYPES = ['application/json', 'multipart/form-data', 'application/x-www-form-urlencoded'];

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly query: readonly { readonly name: string; readonly schema: unknown }[];
  /** The statuses that the document names. */
  readonly statuses: readonly string[];
}

let system: System;
let tokens: (string | undefined)[];

beforeAll(async () => {
  system = await startSystem('hostile-values', {
    SIGN_INS_PER_ADDRESS: '1000000',
    ADMIN_PASSWORD,
  });
  const body = {
    username: 'hostile',
    email: 'hostile@example.com',
    password: 'correct horse battery staple',
  };
  expect((await request(system.url, 'POST', '/register', { body })).status).toBe(201);
  const person = await signIn(system.url, 'hostile');
  const admin = await request(system.url, 'POST', '/login', {
    body: { username: 'admin', password: ADMIN_PASSWORD },
  });
  expect(admin.status).toBe(200);
  tokens = [person.token, person.token, String(admin.body.access_token), undefined];
}, START_MS);

afterAll(() => system?.stop(), START_MS);

async function operations(): Promise<Operation[]> {
  const document = dereferenced((await request(system.url, 'GET', '/openapi.json')).body) as {
    paths: Record<string, Record<string, OpenApiOperation>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        body: MEDIA_TYPES.map((type) => operation.requestBody?.content?.[type]?.schema).find(
          (schema) => schema !== undefined,
        ),
        query: (operation.parameters ?? []).filter((parameter) => parameter.in === 'query'),
        statuses: Object.keys(operation.responses),
      }))
      .filter(
        (operation) => !LEFT_OUT.some((pattern) => pattern.test(`${operation.method} ${operation.path}`)),
      ),
  );
}

interface OpenApiOperation {
  readonly parameters?: { name: string; in: string; schema: unknown }[];
  readonly requestBody?: { content?: Record<string, { schema?: unknown }> };
  readonly responses: Record<string, unknown>;
}

/** One request for an operation, with hostile values in path, query, headers and body. */
const hostileRequest = (operation: Operation) =>
  fc.record({
    operation: fc.constant(operation),
    parts: fc.array(hostilePathPart, { minLength: 6, maxLength: 6 }),
    query: fc.array(
      fc.tuple(
        fc.constantFrom(...operation.query.map(({ name }) => name), 'cursor', 'unknown'),
        hostilePathPart,
      ),
      {
        maxLength: 3,
      },
    ),
    body: operation.body === undefined ? fc.constant(undefined) : hostileValue(operation.body),
    key: fc.constantFrom(undefined, '"k"', 'a b', '\u00e9', 'x'.repeat(300)),
    token: fc.constantFrom(...tokens),
  });

type HostileRequest = typeof hostileRequest extends (operation: Operation) => fc.Arbitrary<infer R>
  ? R
  : never;

/** What is wrong with the response; null where nothing is. */
async function faultOf({
  operation,
  parts,
  query,
  body,
  key,
  token,
}: HostileRequest): Promise<string | null> {
  let next = 0;
  const path = operation.path.replaceAll(/\{[^}]+\}/g, () => parts[next++ % parts.length] ?? '1');
  const search = query.map(([name, value]) => `${name}=${value}`).join('&');
  const where = `${operation.method} ${operation.path}`;
  const response = await request(system.url, operation.method, search === '' ? path : `${path}?${search}`, {
    ...(body !== undefined && operation.method !== 'GET' && { body: JSON.stringify(body) ?? 'null' }),
    ...(token !== undefined && { token }),
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
  const code = response.body.code;
  // 503 and 504 with a code of their own: a switch of the video service, or a limit of this test's own load.
  if (response.status >= 500 && !['video.told-to-fail', 'service.busy'].includes(String(code)))
    return `${where}: ${response.status} ${String(code)} for ${path} ${search} ${JSON.stringify(body)?.slice(0, 300)}`;
  const isError = response.status >= 400;
  if (!isError && !operation.statuses.includes(String(response.status)))
    return `${where}: ${response.status} is not one of the documented ${operation.statuses.join()}`;
  const { instance: _, ...shown } = response.body;
  if (isError && JSON.stringify(shown).includes(MARKER))
    return `${where}: ${response.status} echoes what was sent`;
  return null;
}

test(
  `no operation answers hostile values with a 5xx or echoes them (${INPUTS} requests, seed ${SEED})`,
  async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(120);
    const each = Math.max(1, Math.ceil(INPUTS / all.length));
    const queue = all.flatMap((operation, index) =>
      fc.sample(hostileRequest(operation), { numRuns: each, seed: SEED + index }),
    );
    const faults = new Map<string, string>();
    async function work() {
      for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
        const fault = await faultOf(one);
        if (fault !== null) faults.set(fault.split(' for ')[0] ?? fault, fault);
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    expect([...faults.values()]).toEqual([]);
  },
  RUN_MS,
);

test('the lists still answer after all of that', async () => {
  for (const path of [
    '/posts',
    '/users',
    '/categories',
    '/files',
    '/playlists',
    '/resumes',
    '/payments',
    '/notifications',
    '/rooms',
  ]) {
    const { status } = await request(system.url, 'GET', path, { token: tokens[2] ?? '' });
    expect([path, status]).toEqual([path, 200]);
  }
});
