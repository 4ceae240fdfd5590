import { afterEach, describe, expect, test } from 'bun:test';
import { Registry } from 'prom-client';
import { eventually } from '../../tests/support/eventually';
import { headerLine } from '../http1/field-lines';
import { rawClient, rawUpstream, startTestGateway, type TestGateway } from '../proxy/test-gateway';
import { cacheDirectives, sharedSeconds } from './cache-directives';
import { createCachedResponses } from './cached-responses';
import { createRecentWrites } from './recent-writes';
import { createResponseCache } from './response-cache';

interface Scene {
  readonly gateway: TestGateway;
  /** Requests forwarded to the instance, as `GET /path`. */
  readonly forwarded: string[];
  advance(ms: number): void;
  send(
    request: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; head: string; body: string }>;
}

let close: () => Promise<void> = async () => undefined;
afterEach(() => close());

/** A gateway with a cache, and an instance that responds with these header lines and a running number. */
async function scene(
  lines: string | ((received: string) => string),
  { bytes = 1_000_000, body = (count: number) => `answer ${count}` } = {},
): Promise<Scene> {
  const forwarded: string[] = [];
  const upstream = rawUpstream((received, reply) => {
    if (!received.endsWith('\r\n\r\n')) return;
    forwarded.push(received.split(' ').slice(0, 2).join(' '));
    const text = body(forwarded.length);
    const more = typeof lines === 'string' ? lines : lines(received);
    const status = more.startsWith('HTTP/') ? '' : 'HTTP/1.1 200 OK\r\n';
    reply(`${status}${more}Content-Length: ${text.length}\r\nConnection: close\r\n\r\n`);
    if (!received.startsWith('HEAD')) reply(text);
  });
  let aheadMs = 0;
  const responseCache = createResponseCache(bytes, new Registry(), () => performance.now() + aheadMs);
  const gateway = await startTestGateway({ instances: [upstream.port], responseCache });
  close = async () => {
    upstream.stop();
    await gateway.stop();
  };
  return {
    gateway,
    forwarded,
    advance: (ms) => {
      aheadMs += ms;
    },
    async send(request, headers = {}) {
      const client = rawClient(gateway.port);
      const fields = Object.entries({ Host: 'a', ...headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      client.send(`${request} HTTP/1.1\r\nConnection: close\r\n${fields.join('')}\r\n`);
      const [head = '', text = ''] = (await client.untilClosed()).split('\r\n\r\n');
      return { status: Number(head.split(' ')[1]), head, body: text };
    },
  };
}

const PUBLIC = 'Cache-Control: public, max-age=60\r\nETag: "one"\r\n';

describe('an explicitly cacheable response', () => {
  test("is served to the next request, with its age and that request's id", async () => {
    const { send, forwarded, advance } = await scene(
      `${PUBLIC}X-Request-ID: of-the-first\r\nX-Colour: red\r\n`,
    );
    expect((await send('GET /thing', { 'X-Request-ID': 'first-request' })).body).toBe('answer 1');
    advance(5_000);
    const second = await send('GET /thing', { 'X-Request-ID': 'second-request' });
    expect(second).toMatchObject({ status: 200, body: 'answer 1' });
    expect(second.head).toMatch(/\r\nAge: 5\r\n/);
    expect(second.head).toContain('X-Colour: red\r\n');
    expect(second.head).toContain('X-Request-ID: second-request\r\n');
    expect(second.head).not.toContain('first');
    expect(second.head.match(/X-Registry-Revision/g)).toHaveLength(1);
    expect(await send('HEAD /thing')).toMatchObject({ status: 200, body: '' });
    expect(forwarded).toEqual(['GET /thing']);
  });

  test('is fetched again when it has expired', async () => {
    const { send, advance } = await scene(PUBLIC);
    await send('GET /thing');
    advance(60_001);
    expect((await send('GET /thing')).body).toBe('answer 2');
    expect((await send('GET /thing')).body).toBe('answer 2');
  });

  test('includes its initial age, and prefers s-maxage', async () => {
    const { send, advance } = await scene('Cache-Control: public, max-age=9, s-maxage=60\r\nAge: 50\r\n');
    await send('GET /thing');
    expect((await send('GET /thing')).head).toMatch(/\r\nAge: 50\r\n/);
    advance(11_000);
    expect((await send('GET /thing')).body).toBe('answer 2');
  });

  test('is revalidated with 304', async () => {
    const { send, forwarded } = await scene(`${PUBLIC}Content-Type: text/plain\r\n`);
    await send('GET /thing');
    for (const tags of ['"one"', 'W/"one"', '"two", "one"', '*']) {
      const answer = await send('GET /thing', { 'If-None-Match': tags });
      expect(answer).toMatchObject({ status: 304, body: '' });
      expect(answer.head).toContain('ETag: "one"\r\n');
      expect(answer.head).not.toContain('Content-');
    }
    expect((await send('GET /thing', { 'If-None-Match': '"two"' })).status).toBe(200);
    expect(forwarded).toHaveLength(1);
  });

  test('is one for all spellings of a host', async () => {
    const { send, forwarded } = await scene(PUBLIC);
    for (const Host of ['birds.example', 'Birds.Example', 'birds.example:80', 'birds.example.'])
      expect((await send('GET /thing', { Host })).body).toBe('answer 1');
    expect((await send('GET /thing', { Host: 'birds.example:443' })).body).toBe('answer 2');
    expect(forwarded).toHaveLength(2);
  });

  test('is stored per query, host and value of its Vary fields', async () => {
    const { send } = await scene(`${PUBLIC}Vary: Accept-Encoding\r\n`);
    const bodies = async (requests: [string, Record<string, string>?][]) => {
      const answers: string[] = [];
      for (const [request, headers] of requests) answers.push((await send(request, headers)).body);
      return answers;
    };
    const different: [string, Record<string, string>?][] = [
      ['GET /thing'],
      ['GET /thing?x=1'],
      ['GET /thing', { Host: 'b' }],
      ['GET /thing', { 'Accept-Encoding': 'gzip' }],
    ];
    expect(await bodies(different)).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4']);
    expect(await bodies(different)).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4']);
  });

  test('is invalidated by a write to its path, whatever the query', async () => {
    const { send, forwarded } = await scene((received) =>
      received.startsWith('PUT') ? 'HTTP/1.1 409 Conflict\r\n' : PUBLIC,
    );
    await send('GET /thing?x=1');
    await send('PUT /thing');
    await send('GET /thing?x=1');
    expect(forwarded).toEqual(['GET /thing?x=1', 'PUT /thing']);
    await send('DELETE /thing');
    await send('GET /thing?x=1');
    expect(forwarded).toHaveLength(4);
  });
});

test('a change or delete invalidates everything below the path, a POST does not', async () => {
  const { send, forwarded } = await scene(PUBLIC);
  await send('GET /files/7/content?v=1');
  await send('GET /files/70/content');
  await send('POST /files/7');
  await send('PATCH /files/70/other');
  await send('GET /files/7/content?v=1');
  expect(forwarded).toHaveLength(4);
  await send('DELETE /files/7');
  await send('GET /files/7/content?v=1');
  await send('GET /files/70/content');
  expect(forwarded.slice(4)).toEqual(['DELETE /files/7', 'GET /files/7/content?v=1']);
});

test('a response in flight during a write is not stored', async () => {
  const waiting: (() => void)[] = [];
  let answers = 0;
  const upstream = rawUpstream((received, reply) => {
    if (!received.endsWith('\r\n\r\n')) return;
    const answer = `answer ${++answers}`;
    const say = () =>
      reply(
        `HTTP/1.1 200 OK\r\n${PUBLIC}Content-Length: ${answer.length}\r\nConnection: close\r\n\r\n${answer}`,
      );
    if (answers === 1) waiting.push(say);
    else say();
  });
  const responseCache = createResponseCache(1_000_000, new Registry());
  const gateway = await startTestGateway({ instances: [upstream.port], responseCache });
  close = async () => {
    upstream.stop();
    await gateway.stop();
  };
  const before = fetch(`${gateway.url}/files/7/content`);
  await eventually(() => expect(waiting).toHaveLength(1));
  await fetch(`${gateway.url}/files/7`, { method: 'DELETE' });
  waiting[0]?.();
  expect(await (await before).text()).toBe('answer 1');
  expect(await (await fetch(`${gateway.url}/files/7/content`)).text()).toBe('answer 3');
  expect(await (await fetch(`${gateway.url}/files/7/content`)).text()).toBe('answer 3');
});

test('recent writes are bounded; responses requested before the oldest are not stored', () => {
  const writes = createRecentWrites();
  writes.record('/files/7', true, 10);
  writes.record('/posts', false, 10);
  const changed = (path: string, sinceMs: number) => writes.changedSince(path, sinceMs);
  expect([changed('/files/7', 10), changed('/files/7/content', 5), changed('/posts', 5)]).toEqual([
    true,
    true,
    true,
  ]);
  expect([changed('/files/7', 11), changed('/posts/1', 5), changed('/files', 5)]).toEqual([
    false,
    false,
    false,
  ]);
  for (let count = 0; count < 1_000; count++) writes.record(`/others/${count}`, false, 20);
  expect([changed('/anything', 10), changed('/anything', 15)]).toEqual([true, false]);
});

test('nothing is stored longer than ten minutes: it may be deleted through another gateway', async () => {
  const { send, advance } = await scene('Cache-Control: public, max-age=31536000, immutable\r\n');
  await send('GET /thing');
  advance(599_000);
  expect((await send('GET /thing')).body).toBe('answer 1');
  advance(2_000);
  expect((await send('GET /thing')).body).toBe('answer 2');
});

describe('request directives', () => {
  test('no-store, no-cache, max-age, min-fresh and only-if-cached are honoured', async () => {
    const { send, forwarded, advance } = await scene(PUBLIC);
    const nothing = await send('GET /thing', { 'Cache-Control': 'only-if-cached' });
    expect([nothing.status, JSON.parse(nothing.body).code]).toEqual([504, 'cache.nothing-kept']);
    await send('GET /thing', { 'Cache-Control': 'no-store' });
    await send('GET /thing');
    expect(forwarded).toHaveLength(2);
    expect((await send('GET /thing', { 'Cache-Control': 'only-if-cached' })).body).toBe('answer 2');
    expect((await send('GET /thing', { 'Cache-Control': 'no-cache' })).body).toBe('answer 3');
    expect((await send('GET /thing', { Pragma: 'no-cache' })).body).toBe('answer 4');
    advance(10_000);
    expect((await send('GET /thing', { 'Cache-Control': 'max-age=20' })).body).toBe('answer 4');
    expect((await send('GET /thing', { 'Cache-Control': 'max-age=5' })).body).toBe('answer 5');
    advance(10_000);
    expect((await send('GET /thing', { 'Cache-Control': 'min-fresh=55' })).body).toBe('answer 6');
    expect((await send('GET /thing', { Range: 'bytes=0-1' })).body).toBe('answer 7');
  });
});

describe('never stored', () => {
  const cases: [string, string][] = [
    ['without Cache-Control', 'ETag: "one"\r\n'],
    ['with max-age, but not public', 'Cache-Control: max-age=60\r\n'],
    ['private', 'Cache-Control: public, max-age=60, private\r\n'],
    ['no-store', 'Cache-Control: public, max-age=60\r\nCache-Control: no-store\r\n'],
    ['no-cache', 'Cache-Control: public, no-cache, max-age=60\r\n'],
    ['with a cookie', `${PUBLIC}Set-Cookie: a=b\r\n`],
    ['with Vary: *', `${PUBLIC}Vary: Accept, *\r\n`],
    ['with an invalid max-age', 'Cache-Control: public, max-age=soon\r\n'],
    ['expired by its Age', `${PUBLIC}Age: 60\r\n`],
    ['expired by its Date', `${PUBLIC}Date: ${new Date(Date.now() - 86_400_000).toUTCString()}\r\n`],
    ['not found', `HTTP/1.1 404 Not Found\r\n${PUBLIC}`],
    ['a partial response', `HTTP/1.1 206 Partial Content\r\n${PUBLIC}`],
  ];
  for (const [what, lines] of cases)
    test(what, async () => {
      const { send, forwarded } = await scene(lines);
      await send('GET /thing');
      await send('GET /thing');
      expect(forwarded).toHaveLength(2);
    });

  test('larger than 256 KiB, with a length or without', async () => {
    const { send, forwarded } = await scene(PUBLIC, {
      body: () => 'x'.repeat(256 * 1024 + 1),
      bytes: 1e8,
    });
    await send('GET /thing');
    await send('GET /thing');
    expect(forwarded).toHaveLength(2);
  });

  test('truncated', async () => {
    const upstream = rawUpstream((received, reply, _end, reset) => {
      if (!received.endsWith('\r\n\r\n')) return;
      reply(`HTTP/1.1 200 OK\r\n${PUBLIC}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`);
      setTimeout(reset, 20);
    });
    const responseCache = createResponseCache(1_000_000, new Registry());
    const gateway = await startTestGateway({ instances: [upstream.port], responseCache });
    close = async () => {
      upstream.stop();
      await gateway.stop();
    };
    for (let count = 1; count <= 2; count++) {
      const client = rawClient(gateway.port);
      client.send('GET /thing HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.untilClosed();
      expect(upstream.connections).toHaveLength(count);
    }
  });
});

test('the cache is bounded, and the least recently used entry is evicted', () => {
  const cached = createCachedResponses(10_000);
  const response = {
    service: 'things',
    route: '/:id',
    authority: 'http://a',
    variedBy: [],
    lines: '',
    notModifiedLines: '',
    etag: null,
    lastModified: null,
    body: Buffer.alloc(2_000),
    madeAtMs: 0,
    freshUntilMs: 1,
  };
  const every = () => true;
  for (const name of ['a', 'b', 'c']) cached.store(`/${name}`, '', response, every);
  expect(cached.find('/a', '', every)).toBe(response);
  cached.store('/d', '', response, every);
  expect(['a', 'b', 'c', 'd'].map((name) => cached.find(`/${name}`, '', every) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect(cached.bytes).toBeLessThanOrEqual(10_000);
  for (let count = 0; count < 20; count++)
    cached.store('/e', '', { ...response, body: Buffer.alloc(1) }, () => false);
  for (const name of ['a', 'c', 'd', 'e']) cached.invalidate(`/${name}`, false);
  expect([cached.count, cached.bytes]).toEqual([0, 0]);
});

test('directives are parsed leniently, and malformed ones make a response less cacheable', () => {
  const seconds = (...values: string[]) =>
    sharedSeconds(cacheDirectives(values.map((value) => headerLine('cache-control', value))));
  expect(seconds('public, max-age=60')).toBe(60);
  expect(seconds('PUBLIC', 'Max-Age="60"')).toBe(60);
  expect(seconds('s-maxage=5')).toBe(5);
  expect(seconds('public, max-age=60, max-age=70')).toBe(60);
  expect(seconds('public, max-age=60, no-cache="Set-Cookie"')).toBe(0);
  expect(seconds('public, max-age=-1')).toBe(0);
  expect(seconds('public')).toBe(0);
  expect(seconds('max-age=60')).toBe(0);
  expect(seconds('community="public", max-age=60')).toBe(0);
});
