import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { registerInstance } from '#kit/registry/lease';
import { eventually } from '../support/eventually';
import { rawConnection } from '../support/raw-http';
import { testRuntime } from '../support/servers';
import { MARK } from './support/cases';
import { CRAFTED, PATH_TRICKS } from './support/crafted';
import { type Recorded, startRecorder } from './support/recorder';
import { startHaproxy, startNginx } from './support/second-parsers';
import { type ConformanceSystem, startSystem } from './support/system';

/**
 * Request smuggling: two hops parse the same bytes, the gateway and behind it nginx, haproxy or Bun. For every crafted
 * input the second hop must see what the first saw: one request or none, for the matched path, without headers that only
 * the gateway may set. Behind nginx and haproxy a recorder stores the exact bytes.
 */

interface Hop {
  readonly port: number;
  readonly requests: Recorded[];
  stop(): Promise<void>;
}

const HOPS: Record<string, () => Promise<Hop>> = {
  nginx: () => behindRecorder(startNginx),
  haproxy: () => behindRecorder(startHaproxy),
  bun: async () => startBun(),
};

let system: ConformanceSystem;
const hops = new Map<string, Hop>();
const runtime = testRuntime('hops');

beforeAll(async () => {
  system = await startSystem();
  for (const [name, start] of Object.entries(HOPS)) {
    const hop = await start();
    hops.set(name, hop);
    const routes = ['GET', 'POST', 'OPTIONS'].map((method) => ({
      method,
      path: `/${name}/*`,
      auth: 'public' as const,
    }));
    registerInstance(runtime, {
      urls: [system.registryUrl],
      registration: {
        name,
        version: '1.0.0',
        host: '127.0.0.1',
        port: hop.port,
        routes,
        verify: 'http',
        health_path: `/${name}/ready`,
      },
    });
  }
  await eventually(async () => {
    for (const name of hops.keys())
      expect((await fetch(`${system.gateway.url}/${name}/ready`)).status).toBe(200);
  });
}, 60_000);

afterAll(async () => {
  await runtime.close();
  await system?.stop();
  for (const hop of hops.values()) await hop.stop();
}, 60_000);

describe.each(Object.keys(HOPS))('in front of %s', (name) => {
  const hopOf = () => {
    const hop = hops.get(name);
    if (hop === undefined) throw new Error(`${name} was not started`);
    return hop;
  };

  test(`none of ${CRAFTED.length} crafted requests is parsed as two or injects a header`, async () => {
    const hop = hopOf();
    const before = hop.requests.length;
    const smuggled = `GET /${name}-internal/smuggled HTTP/1.1\r\nHost: a\r\n\r\n`;
    for (const [number, { bytes }] of CRAFTED.entries())
      await send(name, bytes(`/${name}/case-${number}`, smuggled));

    const seen = ofClients(hop.requests.slice(before), name);
    const times = new Map<string, number>();
    for (const { target } of seen) times.set(target, (times.get(target) ?? 0) + 1);
    for (const [target, count] of times) {
      const crafted = CRAFTED[Number(/^\/\w+\/case-(\d+)$/.exec(target)?.[1] ?? Number.NaN)]?.name;
      expect({ target, crafted, count }).toEqual({ target, crafted: expect.any(String), count: 1 });
    }
    for (const { head } of seen) expect(head).not.toContain(MARK);
    // Not all are rejected: requests with headers to remove must be forwarded.
    expect(seen.length).toBeGreaterThan(CRAFTED.length / 10);
  }, 60_000);

  test(`none of ${PATH_TRICKS.length * 3} crafted paths is parsed as another than the matched one`, async () => {
    const hop = hopOf();
    const before = hop.requests.length;
    for (const trick of PATH_TRICKS) {
      for (const target of [`/${name}${trick}`, `/${name}${trick}x`, `http://a/${name}/y${trick}x`])
        await send(name, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
    const seen = ofClients(hop.requests.slice(before), name);
    for (const { head, target } of seen) {
      const parsed = /\r\nx-understood: ([^\r]*)/i.exec(head)?.[1] ?? new URL(target, 'http://a').pathname;
      const inside = isBelow(name, target) && isBelow(name, parsed);
      expect({ target, parsed, inside }).toEqual({ target, parsed, inside: true });
    }
    expect(seen.length).toBeGreaterThan(PATH_TRICKS.length / 2);
  }, 60_000);
});

/** Sends bytes on a separate connection, and then checks that the next client gets its own response. */
async function send(name: string, bytes: string): Promise<void> {
  const connection = rawConnection(system.port, bytes.startsWith('HEAD') ? ['HEAD'] : []);
  // Half-closed, so that an incomplete request ends at once.
  connection.socket.end(Buffer.from(bytes, 'latin1'));
  await connection.responses(() => false);
  connection.end();
  const victim = rawConnection(system.port);
  victim.send(`GET ${victimOf(name)} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [response] = await victim.responses((all) => all.length === 1);
  victim.end();
  expect({ bytes, status: response?.status, body: response?.body }).toEqual({
    bytes,
    status: 200,
    body: 'ok',
  });
}

/** Without the requests of victims and the gateway's own for documents. */
const ofClients = (requests: readonly Recorded[], name: string) =>
  requests.filter(({ target }) => target !== victimOf(name) && target !== '/openapi.json');

const victimOf = (name: string) => `/${name}/victim`;

const isBelow = (name: string, path: string) => path.startsWith(`/${name}/`) || path === `/${name}`;

async function behindRecorder(start: typeof startNginx): Promise<Hop> {
  const recorder = startRecorder();
  const second = await start(recorder.port);
  return {
    ...recorder,
    port: second.port,
    async stop() {
      await second.stop();
      recorder.stop();
    },
  };
}

function startBun(): Hop {
  const requests: Recorded[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const lines = [...request.headers].map(([name, value]) => `${name}: ${value}`);
      requests.push({
        head: `\r\n${lines.join('\r\n')}\r\n`,
        target: pathname + search,
        body: await request.text(),
      });
      return new Response('ok');
    },
  });
  if (server.port === undefined) throw new Error('No port is free');
  return { port: server.port, requests, stop: () => server.stop(true) };
}
