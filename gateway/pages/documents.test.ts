import { afterAll, expect, test } from 'bun:test';
import { pino } from 'pino';
import type { Instance } from '#contracts/registry';
import { eventually } from '../../tests/support/eventually';
import { createDirectory } from '../routing/directory';
import { collectDocuments } from './documents';

const URL = 'https://api.rookery.example';
const RESPONSES = { responses: { 200: { description: 'OK' } } };
const DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'birds', version: '1' },
  paths: { '/birds': { get: RESPONSES } },
};

const servers: ReturnType<typeof Bun.serve>[] = [];
const closing = new AbortController();
afterAll(async () => {
  closing.abort();
  for (const server of servers) await server.stop(true);
});

/** A server with successive responses to `/openapi.json`; the last one repeats. */
function serve(...answers: (() => Response)[]) {
  let fetched = 0;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => (answers[Math.min(fetched++, answers.length - 1)] ?? (() => new Response()))(),
  });
  servers.push(server);
  return server.port ?? 0;
}

function createScene() {
  const services: Record<string, Instance[]> = {};
  let tell: (names: readonly string[]) => void = () => undefined;
  const directory = createDirectory({
    snapshot: () => ({ epoch: 'test', revision: 1, services }),
    instances: (name) => services[name] ?? [],
    revision: () => 1,
    ageMs: () => 0,
    isSettled: () => true,
    onChange(listener) {
      tell = listener;
      return () => undefined;
    },
  });
  const documents = collectDocuments(
    directory,
    { version: '1', own: { openapi: '3.1.0', paths: {} } },
    { log: pino({ level: 'silent' }), internalTls: null, closing: closing.signal },
  );
  const document = () => JSON.parse(documents.merged(URL).text);
  return {
    documents,
    document,
    paths: () => Object.keys(document().paths),
    set(name: string, ports: readonly number[], version = '1.0.0') {
      services[name] = ports.map((port) => instance(name, port, version));
      tell([name]);
    },
  };
}

const instance = (name: string, port: number, version: string): Instance => ({
  instance_id: `${name}-${port}`,
  name,
  version,
  host: '127.0.0.1',
  port,
  weight: 100,
  metadata: {},
  routes: [{ method: 'GET', path: '/birds', auth: 'public' }],
  prefixes: [name],
  state: 'up',
  protected: false,
  registered_at: '2026-01-01T00:00:00.000Z',
  changed_at_revision: 1,
});

const good = () => Response.json(DOCUMENT);

test('a document is added and removed with its service, and the entity tag changes', async () => {
  const scene = createScene();
  const before = scene.documents.merged(URL).etag;
  scene.set('birds', [serve(good)]);
  await eventually(() => expect(scene.paths()).toEqual(['/birds']));
  expect(scene.documents.merged(URL).etag).not.toBe(before);
  scene.set('birds', []);
  expect(scene.paths()).toEqual([]);
  expect(scene.documents.merged(URL).etag).toBe(before);
});

test('an invalid or oversized document is fetched again until it is valid', async () => {
  const scene = createScene();
  const port = serve(
    () => new Response('not JSON'),
    () => Response.json({ no: 'paths' }),
    () => new Response(null, { status: 500 }),
    () => new Response(' '.repeat(5 * 1024 * 1024)),
    good,
  );
  scene.set('birds', [port]);
  expect(scene.documents.omitted().map(({ service }) => service)).toEqual(['birds']);
  await eventually(() => expect(scene.paths()).toEqual(['/birds']));
  expect(scene.documents.omitted()).toEqual([]);
}, 60_000);

test('a new version replaces the document once it is fetched', async () => {
  const scene = createScene();
  scene.set('birds', [serve(good)]);
  await eventually(() => expect(scene.paths()).toEqual(['/birds']));
  scene.set(
    'birds',
    [serve(() => Response.json({ ...DOCUMENT, paths: { '/nests': { get: RESPONSES } } }))],
    '2.0.0',
  );
  expect(scene.paths()).toEqual(['/birds']);
  await eventually(() => expect(scene.paths()).toEqual(['/birds/nests']));
});

test('an invalid document is left out, with the reason in the merged one, and the others stay', async () => {
  const scene = createScene();
  scene.set('birds', [serve(good)]);
  scene.set('cuckoos', [serve(() => Response.json({ ...DOCUMENT, paths: { '/eggs': { get: null } } }))]);
  await eventually(() =>
    expect(scene.document()['x-omitted-services']).toEqual([
      { service: 'cuckoos', reason: '/paths/~1eggs/get: Expected object' },
    ]),
  );
  await eventually(() => expect(scene.paths()).toEqual(['/birds']));
  expect(scene.documents.omitted()).toHaveLength(1);
});

test('its server is the address at which the client has reached the gateway', () => {
  const { documents } = createScene();
  const servers = (url: string) => JSON.parse(documents.merged(url).text).servers;
  expect(servers('https://a.example')).toEqual([{ url: 'https://a.example' }]);
  expect(servers('http://b.example:8080')).toEqual([{ url: 'http://b.example:8080' }]);
});
