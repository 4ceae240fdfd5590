import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eventually } from '../support/eventually';
import { type RawConnection, rawConnection } from '../support/raw-http';
import { get, post } from './support/cases';
import { type ConformanceSystem, startSystem } from './support/system';

/**
 * Slow clients of the three kinds of slowhttptest (headers, bodies, reading), beside a normal client. `SLOW_CLIENTS` sets
 * the number of each kind.
 */

const CLIENTS_PER_KIND = Number(process.env.SLOW_CLIENTS ?? 150);
/** The production defaults are 20,000, and 2,000 per address. */
const MAX_CONNECTIONS = CLIENTS_PER_KIND * 3 + 20;

let system: ConformanceSystem;
const slow: RawConnection[] = [];
beforeAll(async () => {
  system = await startSystem({ CLIENT_CONNECTIONS_PER_ADDRESS: String(MAX_CONNECTIONS) });
}, 60_000);
afterAll(async () => {
  for (const connection of slow) connection.end();
  await system?.stop();
}, 60_000);

const KINDS: Record<string, (connection: RawConnection) => void> = {
  'slow headers': (connection) => {
    connection.send('GET /echo HTTP/1.1\r\nHost: a\r\n');
    trickle(connection, 'X-A: b\r\n');
  },
  'slow body': (connection) => {
    connection.send(post('Content-Length: 8192\r\n'));
    trickle(connection, 'x');
  },
  'slow read': (connection) => {
    connection.socket.pause();
    connection.send(get('/docs/assets/swagger-ui-bundle.js').repeat(4));
  },
};

test(`other clients are served while ${CLIENTS_PER_KIND * 3} clients are slow, and these are disconnected`, async () => {
  for (const start of Object.values(KINDS)) {
    for (let count = 0; count < CLIENTS_PER_KIND; count++) {
      const connection = rawConnection(system.port);
      slow.push(connection);
      connection.socket.once('connect', () => start(connection));
    }
  }
  await eventually(async () => expect(await connections()).toBeGreaterThanOrEqual(CLIENTS_PER_KIND * 3));

  let served = 0;
  const trickling = slow.slice(0, CLIENTS_PER_KIND * 2);
  // Clients with slow headers or bodies are disconnected after ten seconds.
  await eventually(async () => {
    const response = await fetch(`${system.gateway.url}/echo`, { signal: AbortSignal.timeout(2_000) });
    expect(response.status).toBe(200);
    await response.text();
    served++;
    expect(trickling.filter((connection) => !connection.closed()).length).toBe(0);
  }, 45_000);
  expect(served).toBeGreaterThan(10);
  const responses = new Set(trickling.map((connection) => connection.text().slice(0, 12)));
  expect([...responses]).toEqual(['HTTP/1.1 408']);
}, 60_000);

test('an address at its connection limit is rejected until it closes connections', async () => {
  const holders = Array.from({ length: MAX_CONNECTIONS + 50 }, () => rawConnection(system.port));
  slow.push(...holders);
  await eventually(async () => expect(await rejections()).toBeGreaterThan(0));
  for (const connection of slow.splice(0)) connection.end();
  await eventually(async () => expect((await fetch(`${system.gateway.url}/echo`)).status).toBe(200));
}, 60_000);

function trickle(connection: RawConnection, part: string) {
  const timer = setInterval(() => {
    if (connection.closed()) clearInterval(timer);
    else connection.send(part);
  }, 1_000);
}

/** A metric of the gateway. Callers retry when their own connection is rejected. */
async function metric(pattern: RegExp): Promise<number> {
  const metrics = await (await fetch(`${system.gateway.url}/metrics`)).text();
  return Number(pattern.exec(metrics)?.[1] ?? 0);
}

const connections = () => metric(/^gateway_client_connections (\d+)/m);
const rejections = () => metric(/^gateway_client_connections_refused_total\{full="address"\} (\d+)/m);
