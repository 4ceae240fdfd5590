import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { request, signIn } from '../support/client';
import { eventually } from '../support/eventually';
import {
  type HostileRequest,
  hostileRequest,
  MEDIA_TYPES,
  type Operation,
} from '../support/hostile-requests';
import { dereferenced, MARKER } from '../support/hostile-values';
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
/**
 * Failures with a code of their own: a switch of the video service, its deadline of a second, and a limit of concurrent
 * work, which this test's own load may exceed.
 */
const ALLOWED_FAILURES = ['video.told-to-fail', 'video.unavailable', 'service.busy'];
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
  // Until auth has received the account.
  const person = await eventually(() => signIn(system.url, 'hostile'), 60_000);
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
        body: bodyOf(operation.requestBody?.content ?? {}),
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

function bodyOf(content: Record<string, { schema?: unknown }>): Operation['body'] {
  const type = MEDIA_TYPES.find((one) => one in content);
  return type && { type, schema: content[type]?.schema };
}

/** Statuses by kind of request. */
const seen = new Map<string, Set<number>>();

/** What is wrong with the response; null where nothing is. */
async function faultOf(sent: HostileRequest): Promise<string | null> {
  const { operation, kind, path, search, body, key, token } = sent;
  const where = `${operation.method} ${operation.path}`;
  const headers = {
    ...(key !== undefined && { 'idempotency-key': key }),
    ...(body !== undefined && { 'content-type': body.type }),
  };
  const send = () =>
    request(system.url, operation.method, `${path}${search}`, {
      headers,
      ...(body !== undefined && { body: body.bytes }),
      ...(token !== undefined && { token }),
    });
  let response = await send();
  // A deadline that is exceeded once may be the load; again, it is the request.
  if (response.status === 504) response = await send();
  seen.set(kind, (seen.get(kind) ?? new Set()).add(response.status));
  const code = response.body.code;
  const shown = `${path}${search} ${Buffer.from(body?.bytes ?? [])
    .toString()
    .slice(0, 300)}`;
  if (response.status >= 500 && !ALLOWED_FAILURES.includes(String(code)))
    return `${where}: ${response.status} ${String(code)} for ${shown}`;
  const isError = response.status >= 400;
  if (sent.mustBeRefused && !isError) return `${where} takes a ${kind} (${response.status}) for ${shown}`;
  if (!isError && !operation.statuses.includes(String(response.status)))
    return `${where}: ${response.status} is not one of the documented ${operation.statuses.join()}`;
  const { instance: _, ...document } = response.body;
  if (isError && JSON.stringify(document).includes(MARKER))
    return `${where}: ${response.status} echoes what was sent`;
  return null;
}

test(
  'a cursor that was changed anywhere is refused, or means the same: it is never the first page',
  async () => {
    const lists = (await operations()).filter(({ query }) => query.some(({ name }) => name === 'cursor'));
    const continued: string[] = [];
    for (const { path } of lists) {
      const place = path.replaceAll(/\{[^}]+\}/g, 'hostile');
      const read = (query: string) =>
        request(system.url, 'GET', `${place}?limit=1${query}`, { token: tokens[2] ?? '' });
      const { next_cursor: cursor } = (await read('')).body;
      if (typeof cursor !== 'string') continue;
      continued.push(path);
      const { body: page } = await read(`&cursor=${cursor}`);
      for (const changed of fc.sample(changesOf(cursor), { numRuns: 12, seed: SEED })) {
        const { status, body } = await read(`&cursor=${encodeURIComponent(changed)}`);
        expect([path, changed, status === 200 ? body : status]).toEqual([
          path,
          changed,
          status === 200 ? page : 400,
        ]);
      }
    }
    expect(continued).toEqual(expect.arrayContaining(['/users', '/roles', '/permissions', '/videos']));
  },
  RUN_MS,
);

/** A text with one character replaced, removed or doubled. */
const changesOf = (text: string) =>
  fc
    .tuple(fc.nat(text.length - 1), fc.constantFrom(...'AZaz09-_=+/ é', '', '==', '%00'))
    .map(([at, character]) => text.slice(0, at) + character + text.slice(at + 1))
    .filter((changed) => changed !== text);

test(
  `no operation answers hostile requests with a 5xx, echoes them, or takes what it does not read (${INPUTS} requests, seed ${SEED})`,
  async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(120);
    const each = Math.max(1, Math.ceil(INPUTS / all.length));
    const queue = all.flatMap((operation, index) =>
      fc.sample(hostileRequest(operation, tokens), { numRuns: each, seed: SEED + index }),
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
    // Each kind has reached the rule that refuses it, and not only a limit in front of it.
    const refused = [...seen].filter(([, statuses]) =>
      [400, 415, 422].some((status) => statuses.has(status)),
    );
    expect(refused.map(([kind]) => kind).sort()).toEqual([
      'mangled application/json',
      'mangled application/x-www-form-urlencoded',
      'mangled cursor',
      'mangled multipart/form-data',
      'needless body',
      'repeated parameter',
      'unknown parameter',
      'values',
    ]);
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
