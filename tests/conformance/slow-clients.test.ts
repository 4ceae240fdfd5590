import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eventually } from '../support/eventually';
import { type RawConnection, rawConnection } from '../support/raw-http';
import { get, post } from './support/cases';
import { type ConformanceSystem, startSystem } from './support/system';

/**
 * Clients that are slow on purpose, each in its own way, as slowhttptest has them (headers, bodies, reading), while
 * another asks. `SLOW_CLIENTS` says how many of each.
 */

const EACH = Number(process.env.SLOW_CLIENTS ?? 150);
/** In production they are 20,000, and 2,000 for each address. */
const PLACES = EACH * 3 + 20;

let system: ConformanceSystem;
const slow: RawConnection[] = [];
beforeAll(async () => {
  system = await startSystem({ CLIENT_CONNECTIONS_PER_ADDRESS: String(PLACES) });
}, 60_000);
afterAll(async () => {
  for (const connection of slow) connection.end();
  await system?.stop();
}, 30_000);

const WAYS: Record<string, (connection: RawConnection) => void> = {
  'headers one by one': (connection) => {
    connection.send('GET /echo HTTP/1.1\r\nHost: a\r\n');
    trickle(connection, 'X-A: b\r\n');
  },
  'a body byte by byte': (connection) => {
    connection.send(post('Content-Length: 8192\r\n'));
    trickle(connection, 'x');
  },
  'a large answer, and nothing read of it': (connection) => {
    connection.socket.pause();
    connection.send(get('/docs/assets/swagger-ui-bundle.js').repeat(4));
  },
};

test(`everybody else is served while ${EACH * 3} clients are slow, and those are cut off`, async () => {
  for (const begin of Object.values(WAYS)) {
    for (let count = 0; count < EACH; count++) {
      const connection = rawConnection(system.port);
      slow.push(connection);
      connection.socket.once('connect', () => begin(connection));
    }
  }
  await eventually(async () => expect(await connections()).toBeGreaterThanOrEqual(EACH * 3));

  let served = 0;
  const trickling = slow.slice(0, EACH * 2);
  // Those that trickle their headers or body have ten seconds.
  await eventually(async () => {
    const response = await fetch(`${system.gateway.url}/echo`, { signal: AbortSignal.timeout(2_000) });
    expect(response.status).toBe(200);
    await response.text();
    served++;
    expect(trickling.filter((connection) => !connection.closed()).length).toBe(0);
  }, 20_000);
  expect(served).toBeGreaterThan(100);
  const answers = new Set(trickling.map((connection) => connection.text().slice(0, 12)));
  expect([...answers]).toEqual(['HTTP/1.1 408']);
}, 40_000);

test('an address that has all its places gets no further one until it gives some back', async () => {
  const holders = Array.from({ length: PLACES + 50 }, () => rawConnection(system.port));
  slow.push(...holders);
  await eventually(async () => expect(await refused()).toBeGreaterThan(0));
  for (const connection of slow.splice(0)) connection.end();
  await eventually(async () => expect((await fetch(`${system.gateway.url}/echo`)).status).toBe(200));
}, 40_000);

function trickle(connection: RawConnection, part: string) {
  const timer = setInterval(() => {
    if (connection.closed()) clearInterval(timer);
    else connection.send(part);
  }, 1_000);
}

/** One of the gateway's own figures. Asked again where this client is the one that is turned away. */
async function figure(pattern: RegExp): Promise<number> {
  const metrics = await (await fetch(`${system.gateway.url}/metrics`)).text();
  return Number(pattern.exec(metrics)?.[1] ?? 0);
}

const connections = () => figure(/^gateway_client_connections (\d+)/m);
const refused = () => figure(/^gateway_client_connections_refused_total\{full="address"\} (\d+)/m);
