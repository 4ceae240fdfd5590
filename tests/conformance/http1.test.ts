import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { decodedOnce, hostileTargets } from '../../gateway/routing/test-targets';
import { type RawConnection, rawConnection } from '../support/raw-http';
import { connections, HANDSHAKE } from './cases/connections';
import { chunks, contentLength, transferEncoding } from './cases/framing';
import { forwarding, headers } from './cases/headers';
import { hosts } from './cases/host';
import { paths, requestLine } from './cases/request-line';
import { type Case, chunked, echoIn, expectProblem, get, post, runCase } from './support/cases';
import { type ConformanceSystem, startSystem } from './support/system';

/** Conformance of the gateway with HTTP/1.1 (RFC 9112), tested with raw bytes. */

let system: ConformanceSystem;
const opened: RawConnection[] = [];
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(async () => {
  for (const connection of opened) connection.end();
  await system?.stop();
}, 60_000);

const TABLES: Record<string, readonly Case[]> = {
  'request line': requestLine,
  path: paths,
  Host: hosts,
  headers,
  forwarding,
  'Content-Length': contentLength,
  'Transfer-Encoding': transferEncoding,
  chunks,
  connections,
};

for (const [table, cases] of Object.entries(TABLES)) {
  describe(table, () => {
    for (const one of cases) {
      test.concurrent(`${one.name} (${one.rfc})`, () => runCase(system.port, one));
    }
  });
}

test('a WebSocket carries a frame sent in the packet of the handshake (RFC 6455 4.2)', async () => {
  const connection = open();
  // The frame `hi`, masked with zeros, in the same packet as the handshake.
  connection.send(`${get('/echo-socket', HANDSHAKE)}\x81\x82\x00\x00\x00\x00hi`);
  const [response] = await connection.responses(([first]) => first?.status === 101);
  expect(response?.headers.get('sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  await connection.responses(() => connection.text().endsWith('\x81\x02hi'));
});

describe('a body', () => {
  const MAX_BYTES = 1024 * 1024;

  test('announced as larger than 1 MiB is rejected before it is sent (9110 15.5.14)', async () => {
    const connection = open();
    connection.send(post(`Content-Length: ${MAX_BYTES + 1}\r\nExpect: 100-continue\r\n`));
    const responses = await connection.responses(() => false);
    expect(responses.map(({ status }) => status)).toEqual([413]);
    expect(connection.text()).not.toContain('100 Continue');
    for (const response of responses) expectProblem(response);
  });

  test('of chunks that exceed 1 MiB is rejected (9110 15.5.14)', async () => {
    const connection = open();
    connection.send(chunked(`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(17)));
    expect((await connection.responses(() => false)).map(({ status }) => status)).toEqual([413]);
  });

  test('of 1 MiB is accepted, with a length and in chunks', async () => {
    const connection = open();
    connection.send(post(`Content-Length: ${MAX_BYTES}\r\n`, 'x'.repeat(MAX_BYTES)));
    connection.send(chunked(`${MAX_BYTES.toString(16)}\r\n${'y'.repeat(MAX_BYTES)}\r\n0\r\n\r\n`));
    const responses = await connection.responses((all) => all.length === 2);
    expect(responses.map((response) => echoIn(response).body.length)).toEqual([MAX_BYTES, MAX_BYTES]);
  }, 60_000);

  test('is requested with 100 only after its head is accepted (9110 10.1.1)', async () => {
    const connection = open();
    connection.send(post('Content-Length: 5\r\nExpect: 100-continue\r\n'));
    await connection.responses(() => connection.text().startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    connection.send('hello');
    const [response] = await connection.responses((all) => all.length === 1);
    expect(echoIn(response).body).toBe('hello');
  });
});

test('1,000 hostile paths reach the service as the matched path or are rejected', async () => {
  const targets = fc.sample(hostileTargets, 1_000).map((target) => `/echo${target}`);
  const statuses = new Map<number | undefined, number>();
  await inParallel(32, targets, async (target) => {
    const connection = open();
    connection.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const [response] = await connection.responses(() => false);
    const status = response?.status;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status !== 200) return expect({ target, status }).toEqual({ target, status: 400 });
    const requested = decodedOnce(pathOf(target));
    expect({ target, path: decodedOnce(pathOf(echoIn(response).path)) }).toEqual({ target, path: requested });
  });
  expect([...statuses.keys()].sort()).toEqual([200, 400]);
}, 60_000);

describe('a client that half-closes the connection', () => {
  test('receives the responses to all complete requests (9.6)', async () => {
    const connection = open();
    connection.socket.end(get('/echo/1') + chunked('0\r\n\r\n') + get('/echo/..') + get('/echo/4'));
    const responses = await connection.responses(() => false);
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 400, 200]);
  });

  test.each([
    ['nothing', ''],
    ['half a head', 'GET /echo HTTP/1.1\r\nHo'],
    ['half a body', post('Content-Length: 10\r\n', 'hello')],
    ['half a chunk', chunked('5\r\nhel')],
  ])('receives no response to %s (8)', async (_, sent) => {
    const connection = open();
    connection.socket.end(sent);
    expect(await connection.responses(() => false)).toEqual([]);
  });
});

describe('split into two packets at any byte', () => {
  const REPRESENTATIVE: [name: string, bytes: string, status: number][] = [
    ['a plain request', get('/echo?x=1', 'X-Test: y\r\n'), 200],
    ['a body with a length', post('Content-Length: 5\r\n', 'hello'), 200],
    ['chunks with an extension and a trailer', chunked('5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n'), 200],
    ['absolute-form', get('http://b:80/echo'), 200],
    ['a leading empty line', `\r\n${get()}`, 200],
    ['two framings', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), 400],
    ['a bare LF', 'GET /echo HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400],
    ['a folded line', get('/echo', 'X: y\r\n z\r\n'), 400],
    ['a broken chunk', chunked('5\r\nhello!\r\n'), 400],
  ];

  test.each(REPRESENTATIVE)('%s has the same status (2.2)', async (_, bytes, status) => {
    const cuts = Array.from({ length: bytes.length - 1 }, (__, index) => index + 1);
    const statuses = new Set<number | undefined>();
    await inParallel(32, cuts, async (cut) => {
      const connection = open();
      connection.send(bytes.slice(0, cut));
      // The second packet must not be sent together with the first.
      await Bun.sleep(2);
      connection.send(bytes.slice(cut));
      const [response] = await connection.responses((all) => all.length === 1);
      statuses.add(response?.status);
      connection.end();
    });
    expect([...statuses]).toEqual([status]);
  });
});

function open(): RawConnection {
  const connection = rawConnection(system.port);
  opened.push(connection);
  return connection;
}

const pathOf = (target: string) => target.split('?')[0] ?? '';

async function inParallel<Item>(workers: number, items: Item[], work: (item: Item) => Promise<void>) {
  const remaining = [...items];
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let item = remaining.pop(); item !== undefined; item = remaining.pop()) await work(item);
    }),
  );
}
