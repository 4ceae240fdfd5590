import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { createPortChooser } from '../../infra/ports';
import { markOf } from '../../infra/processes';
import { type Stack, startStack } from '../../infra/stack';
import { parseProcfile, programsIn } from '../../scripts/processes/procfile';
import { type Client, join, type Reply } from '../support/client';
import { eventually } from '../support/eventually';
import { mailsTo } from '../support/inbox';
import { type StartedProcess, startProcess } from '../support/processes';

/** The compact profile on small servers of its own: every program of the Procfile in one process. */
const ROOT = joinPath(import.meta.dir, '..', '..');
const FOLDER = joinPath(ROOT, '.data', 'system-compact');
const PORT_OFFSET = 8_200;
const TEST_MS = 300_000;
const programs = programsIn(parseProcfile(await Bun.file(joinPath(ROOT, 'Procfile')).text()));

let stack: Stack;
let compact: StartedProcess;
let start: () => Promise<StartedProcess>;
let gateway: string;
let registry: string;

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  stack = await startStack({ folder: FOLDER, profile: 'compact', portOffset: PORT_OFFSET, source: {} });
  const choosePort = createPortChooser({ offset: PORT_OFFSET });
  const ports = { gateway: await choosePort(8080), registry: await choosePort(8006) };
  gateway = `http://127.0.0.1:${ports.gateway}`;
  registry = `http://127.0.0.1:${ports.registry}`;
  const procfile = joinPath(FOLDER, 'Procfile');
  const lines = programs.map(({ name, folder, environment }) => {
    const port = name === 'gateway' || name === 'registry' ? ports[name] : 0;
    const identity = environment.IDENTITY_FILE && ` IDENTITY_FILE=${stack.identityFile(name)}`;
    return `${name}: env PORT=${port}${identity ?? ''} bun ${folder}/main.ts\n`;
  });
  writeFileSync(procfile, lines.join(''));
  start = () =>
    startProcess(
      'compact/main.ts',
      { ...stack.processEnvironment, ...markOf(FOLDER), REGISTRY_URL: registry, LIKES_DIGEST_SECONDS: '1' },
      { command: [process.execPath, 'compact/main.ts', procfile], folder: ROOT },
    );
  compact = await start();
}, TEST_MS);

afterAll(async () => {
  await compact.stop();
  // Nobody will read their data.
  await Promise.all(stack.servers.map((server) => server.kill()));
  await stack.stop();
  rmSync(FOLDER, { recursive: true, force: true });
}, TEST_MS);

const textsOf = ({ body }: Reply) => (body.items as { text: string }[]).map(({ text }) => text);

/** Until the system is up, or up again. */
const done = (send: () => Promise<Reply>) =>
  eventually(async () => {
    const reply = await send();
    expect(reply.status).toBeLessThan(300);
    return reply;
  }, TEST_MS);

let ada: Client;
let bela: Client;

test(
  'each service has an address, readiness and metrics of its own',
  async () => {
    const services = programs.filter(({ folder }) => folder.startsWith('services/')).map(({ name }) => name);
    const addresses = await eventually(async () => {
      const listed = await (await fetch(`${registry}/services`)).json();
      const found = Object.values(listed.services as Record<string, { name: string; port: number }[]>).flat();
      expect(found.map(({ name }) => name).sort()).toEqual(services.sort());
      return found;
    }, TEST_MS);
    for (const { name, port } of addresses) {
      const url = `http://127.0.0.1:${port}`;
      await eventually(async () => expect((await fetch(`${url}/readyz`)).status, name).toBe(200), TEST_MS);
      // Of a runtime that others shared, the registry client would be there many times.
      const { dependencies } = await (await fetch(`${url}/readyz`)).json();
      expect(Object.keys(dependencies), name).toContain('registration');
      expect(await (await fetch(`${url}/metrics`)).text(), name).toContain('process_resident_memory_bytes');
    }
    expect(compact.output()).not.toContain('MaxListenersExceededWarning');
  },
  TEST_MS,
);

test(
  'a follower reads a post and likes it, and its author gets a mail',
  async () => {
    ada = await eventually(() => join(gateway, 'ada_compact'), TEST_MS);
    bela = await join(gateway, 'bela_compact');
    await done(() => bela.post('/users/follow/ada_compact'));
    const posted = await done(() => ada.post('/posts', { text: 'All in one' }));
    await eventually(async () => {
      expect(textsOf(await bela.get('/posts/home/bela_compact'))).toEqual(['All in one']);
    }, TEST_MS);
    await done(() => bela.post(`/likes/${posted.body.id}`));
    await eventually(async () => {
      const mails = await mailsTo({ stack }, 'ada_compact@example.com');
      expect(mails.map(({ text }) => text).join()).toContain('bela_compact');
    }, TEST_MS);
  },
  TEST_MS,
);

test(
  'after a kill in the middle of its work it continues, and nothing that was acknowledged is lost',
  async () => {
    const written = Array.from({ length: 12 }, (_, index) => `Written ${index}`);
    const acknowledged: string[] = [];
    const writing = written.map(async (text, index) => {
      const path = index % 2 === 0 ? '/posts' : '/posts/async';
      const { status } = await ada.post(path, { text });
      if (status === 201 || status === 202) acknowledged.push(text);
    });
    // Most are in the middle of their way to the follower, or not acknowledged at all.
    await Promise.race(writing);
    await compact.kill();
    await Promise.allSettled(writing);
    expect(acknowledged).not.toEqual([]);
    compact = await start();
    await eventually(async () => {
      expect(textsOf(await bela.get('/posts/home/bela_compact?limit=50'))).toEqual(
        expect.arrayContaining([...acknowledged, 'All in one']),
      );
    }, TEST_MS);
    const later = await done(() => ada.post('/posts', { text: 'Still here' }));
    await done(() => bela.post(`/likes/${later.body.id}`));
  },
  TEST_MS,
);

test(
  'asked to stop, it closes every program: callers before those they call',
  async () => {
    await compact.stop();
    const closed = [...compact.output().matchAll(/"name":"([a-z-]+)"[^\n]*"msg":"shutdown complete"/g)].map(
      ([, name = '']) => name,
    );
    expect([...closed].sort()).toEqual(programs.map(({ name }) => name).sort());
    const folderOf = (name: string) => programs.find((program) => program.name === name)?.folder ?? '';
    const kinds = closed.map((name) => folderOf(name).split('/')[0]);
    expect(kinds.filter((kind, index) => kind !== kinds[index - 1])).toEqual([
      'gateway',
      'workers',
      'services',
      'registry',
    ]);
  },
  TEST_MS,
);
