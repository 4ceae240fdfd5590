import { afterEach, describe, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { type RateVerdict, UNLIMITED } from '../admission/rate-verdict';
import { RateLimited } from '../model/problems';
import { rawClient, rawUpstream, startTestGateway, type TestGateway } from './test-gateway';

const ADMITTED: RateVerdict = { headerLines: 'RateLimit: "sign-in";r=4;t=6\r\n', problem: null };
const REJECTED: RateVerdict = {
  headerLines: 'RateLimit: "sign-in";r=0;t=6\r\n',
  problem: new RateLimited({ headers: { 'retry-after': '6' } }),
};

/** An instance that echoes the path and body of every complete request. */
const echo = () =>
  rawUpstream((received, reply) => {
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const body = received.slice(end + 4);
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (body.length < length) return;
    const answer = `${received.split(' ')[1]} ${body}`;
    reply(`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\nConnection: close\r\n\r\n${answer}`);
  });

let gateway: TestGateway;
let upstream: ReturnType<typeof echo>;
const pending: ((verdict: RateVerdict) => void)[] = [];

async function start() {
  pending.length = 0;
  upstream = echo();
  gateway = await startTestGateway({
    instances: [upstream.port],
    rateLimits: {
      admit: () => UNLIMITED,
      check: () => new Promise((resolve) => pending.push(resolve)),
    },
  });
  return rawClient(gateway.port);
}

afterEach(async () => {
  upstream.stop();
  await gateway.stop();
});

const untilPending = (count: number) => eventually(() => expect(pending).toHaveLength(count));
const decide = (index: number, verdict: RateVerdict) => pending[index]?.(verdict);
const post = (body: string, more = '') =>
  `POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${more}\r\n`;

describe('while the admission of a request is pending', () => {
  test('nothing is forwarded, and then all of it, head and body of one packet', async () => {
    const client = await start();
    client.send(`${post('hello')}hello`);
    await untilPending(1);
    expect(upstream.connections).toHaveLength(0);
    decide(0, ADMITTED);
    const received = await client.until((text) => text.includes('/limited hello'));
    expect(received).toContain('200 OK');
    expect(received).toContain('RateLimit: "sign-in";r=4;t=6\r\n');
  });

  test('a body in parts stays in order, before and after the decision', async () => {
    const client = await start();
    client.send(`${post('one two three')}one `);
    await untilPending(1);
    client.send('two ');
    decide(0, ADMITTED);
    client.send('three');
    await client.until((text) => text.includes('/limited one two three'));
  });

  test("reading is paused: a large body stays in the client's socket", async () => {
    const client = await start();
    const large = 'x'.repeat(20_000_000);
    client.send(post(large));
    await untilPending(1);
    client.send(large);
    for (let turn = 0; turn < 20; turn++) await fetch(`${gateway.url}/free`);
    client.socket.resetAndDestroy();
    const line = await eventually(() => gateway.lines.find(({ status }) => status === 499) ?? false);
    expect(Number(Object(line).bytes_in)).toBeLessThan(2_000_000);
  });

  test('pipelined requests wait, and are answered in order', async () => {
    const client = await start();
    const next = 'GET /free HTTP/1.1\r\nHost: a\r\n\r\n';
    client.send(`${post('hello')}hello${next}${post('again')}again`);
    await untilPending(1);
    decide(0, REJECTED);
    await untilPending(2);
    decide(1, ADMITTED);
    const received = await client.until((text) => text.includes('/limited again'));
    const order = ['429 Too Many', 'rate.limited', '/free', '/limited again'].map((part) =>
      received.indexOf(part),
    );
    expect(order).toEqual([...order].sort((left, right) => left - right));
    expect(order).not.toContain(-1);
  });

  test('a client that expects 100 Continue does not receive it before', async () => {
    const client = await start();
    client.send(post('hello', 'Expect: 100-continue\r\n'));
    await untilPending(1);
    expect(client.received()).toBe('');
    decide(0, ADMITTED);
    await client.until((text) => text.includes('100 Continue'));
    client.send('hello');
    await client.until((text) => text.includes('/limited hello'));
  });

  test('and a rejected one never receives it', async () => {
    const client = await start();
    client.send(post('hello', 'Expect: 100-continue\r\n'));
    await untilPending(1);
    decide(0, REJECTED);
    const received = await client.untilClosed();
    expect(received).toContain('HTTP/1.1 429 Too Many Requests\r\nretry-after: 6\r\n');
    expect(received).toContain('Connection: close');
    expect(received).not.toContain('100 Continue');
    expect(upstream.connections).toHaveLength(0);
  });

  test('a disconnect is logged as 499, and nothing is forwarded', async () => {
    const client = await start();
    client.send(`${post('hello')}hello`);
    await untilPending(1);
    client.socket.resetAndDestroy();
    await eventually(() => expect(gateway.lines).toMatchObject([{ status: 499, bytes_in: 5 }]));
    decide(0, ADMITTED);
    await Bun.sleep(0);
    expect(upstream.connections).toHaveLength(0);
    expect(gateway.lines).toHaveLength(1);
  });

  test('a malformed body is rejected, whatever the decision will be', async () => {
    const client = await start();
    client.send('POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await untilPending(1);
    client.send('nonsense\r\n');
    decide(0, ADMITTED);
    expect(await client.untilClosed()).toContain('HTTP/1.1 400');
    await eventually(() => expect(gateway.lines).toMatchObject([{ status: 400 }]));
  });
});
