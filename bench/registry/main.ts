import { readFileSync } from 'node:fs';
import type { Registered } from '#contracts/registry';

/**
 * The registry with many instances and watchers: the cost of steady heartbeats, and the propagation time of a change.
 * Several replicas share the table through a Redis of their own; watchers and heartbeats are spread over them.
 * Run: `bun bench/registry/main.ts [instances] [watchers] [seconds] [replicas]`
 */
const [instanceCount = 2_000, watcherCount = 200, steadySeconds = 15, replicaCount = 1] = process.argv
  .slice(2)
  .map(Number);
const SERVICES = 20;
const ROUTES = 10;
const CHANGES = 30;
/** Longer than the registry pauses after a notification, so that each change is measured alone. */
const BETWEEN_CHANGES_MS = 200;
const HEARTBEAT_MS = 5_000;
const LINE_FEED = 10;
const CONCURRENCY = 32;
/** The kernel measures CPU time in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

const redis = replicaCount > 1 ? startRedis() : undefined;
const replicas = Array.from({ length: replicaCount }, () => startReplica());
try {
  await Promise.all(replicas.map(waitUntilHealthy));
  const watchers = Array.from({ length: watcherCount }, (_, number) => ({
    replica: replicaFor(number),
    revision: 0,
    bytes: 0,
  }));
  for (const watcher of watchers) watch(watcher);
  report('Idle with watchers');
  const leases = await timed('Registration of all instances', registerAll);
  await timed('Propagation to all watchers', () => waitUntilSeen(watchers));
  report('After registration');
  await steady(leases);
  await changes(leases, watchers);
  report('At the end');
} finally {
  for (const { process: running } of replicas) running.kill();
  await Promise.all(replicas.map(({ process: running }) => running.exited));
  redis?.process.kill();
}
process.exit(0);

interface Replica {
  readonly url: string;
  readonly process: Bun.Subprocess;
}

function startRedis() {
  const port = freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  return {
    url: `redis://127.0.0.1:${port}`,
    process: Bun.spawn(['redis-server', ...args], { stdout: 'ignore' }),
  };
}

function startReplica(): Replica {
  const port = freePort();
  const replication = redis ? { REGISTRY_REDIS_URL: redis.url } : {};
  return {
    url: `http://127.0.0.1:${port}`,
    process: Bun.spawn([process.execPath, `${import.meta.dir}/registry.ts`], {
      env: { ...process.env, ...replication, PORT: String(port), LOG_LEVEL: 'warn' },
      stdout: 'inherit',
    }),
  };
}

function replicaFor(number: number): Replica {
  const replica = replicas[number % replicas.length];
  if (!replica) throw new Error('No replica is running');
  return replica;
}

async function registerAll(): Promise<Registered[]> {
  const leases: Registered[] = [];
  await inParallel(instanceCount, async (index) => {
    const name = `service-${index % SERVICES}`;
    const routes = Array.from({ length: ROUTES }, (_, route) => ({
      method: 'GET',
      path: `/${name}/things-${route}/:id`,
      auth: 'public',
    }));
    const body = { name, version: '1.0.0', host: '127.0.0.1', port: 1_024 + index, routes, prefixes: [name] };
    leases.push((await (await post(index, '/register', undefined, body)).json()) as Registered);
  });
  return leases;
}

async function steady(leases: readonly Registered[]): Promise<void> {
  const before = cpuSeconds();
  const startedMs = performance.now();
  let sent = 0;
  while (performance.now() - startedMs < steadySeconds * 1_000) {
    const due = Math.floor(((performance.now() - startedMs) / HEARTBEAT_MS) * leases.length) - sent;
    await inParallel(due, async () => {
      const lease = leases[sent++ % leases.length];
      if (lease)
        await (await post(sent, `/heartbeat/${lease.instance_id}`, lease.lease_secret, { load: 0.5 })).text();
    });
    await Bun.sleep(10);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const shares = cpuSeconds().map((after, index) => ((after - (before[index] ?? 0)) / seconds) * 100);
  console.log(
    `Steady state: ${(sent / seconds).toFixed(0)} heartbeats/s use ${shares.map((share) => share.toFixed(1)).join(' and ')} % of one core`,
  );
}

async function changes(leases: readonly Registered[], watchers: readonly Watched[]): Promise<void> {
  const firstMs: number[] = [];
  const lastMs: number[] = [];
  const before = cpuSeconds();
  for (let change = 0; change < CHANGES; change++) {
    const lease = leases[change];
    if (!lease) break;
    // Each replica has its own revisions.
    const awaited = new Map<Replica, number>();
    for (const replica of replicas) awaited.set(replica, (await revisionOf(replica)) + 1);
    const isCurrent = (watcher: Watched) => watcher.revision >= (awaited.get(watcher.replica) ?? 0);
    const startedMs = performance.now();
    const state = { state: 'draining' };
    const response = await post(change, `/heartbeat/${lease.instance_id}`, lease.lease_secret, state);
    if (!response.ok) throw new Error(`A heartbeat failed with status ${response.status}`);
    while (!watchers.some(isCurrent)) await Bun.sleep(0);
    firstMs.push(performance.now() - startedMs);
    while (!watchers.every(isCurrent)) await Bun.sleep(0);
    lastMs.push(performance.now() - startedMs);
    await Bun.sleep(BETWEEN_CHANGES_MS);
  }
  const cost = ((sum(cpuSeconds()) - sum(before)) / CHANGES) * 1_000;
  console.log(
    `A change reaches the first watcher in ${median(firstMs)} ms, all ${watchers.length} in ${median(lastMs)} ms (medians)`,
  );
  console.log(
    `The slowest of ${CHANGES} changes reaches all in ${Math.max(...lastMs).toFixed(1)} ms; CPU time per change: ${cost.toFixed(1)} ms`,
  );
}

interface Watched {
  readonly replica: Replica;
  revision: number;
  bytes: number;
}

function watch(watched: Watched): void {
  void (async () => {
    const response = await fetch(`${watched.replica.url}/watch`);
    let incomplete = 0;
    for await (const chunk of response.body ?? []) {
      watched.bytes += chunk.length;
      // An event counts once it is complete; parsing its data is not necessary.
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const id = text.lastIndexOf('id: ');
      if (id >= 0) incomplete = Number(text.toString('latin1', id, text.indexOf('\n', id)).split(':').at(-1));
      if (text.at(-1) === LINE_FEED && text.at(-2) === LINE_FEED) watched.revision = incomplete;
    }
  })().catch((failure: unknown) => console.error('A watch failed', failure));
}

async function waitUntilSeen(watchers: readonly Watched[]): Promise<void> {
  // Each instance is one change on every replica.
  for (const replica of replicas) while ((await revisionOf(replica)) < instanceCount) await Bun.sleep(5);
  while (!watchers.every((watcher) => watcher.revision >= instanceCount)) await Bun.sleep(5);
  const bytes = sum(watchers.map((watcher) => watcher.bytes));
  console.log(`Watchers have received ${(bytes / 1e6).toFixed(0)} MB in total`);
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, CONCURRENCY) }, worker));
}

async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const startedMs = performance.now();
  const before = cpuSeconds();
  const result = await work();
  const ms = performance.now() - startedMs;
  console.log(`${what}: ${ms.toFixed(0)} ms, ${(sum(cpuSeconds()) - sum(before)).toFixed(2)} s of CPU time`);
  return result;
}

async function revisionOf({ url }: Replica): Promise<number> {
  return ((await (await fetch(`${url}/status`)).json()) as { revision: number }).revision;
}

function post(number: number, path: string, bearer: string | undefined, body: object): Promise<Response> {
  return fetch(replicaFor(number).url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify(body),
  });
}

async function waitUntilHealthy({ url }: Replica): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (performance.now() < deadlineMs) {
    if (
      await fetch(`${url}/health`).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    await Bun.sleep(50);
  }
  throw new Error('The registry was not healthy within 10 s');
}

/** CPU time of each replica. */
function cpuSeconds(): number[] {
  return replicas.map(({ process: { pid } }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function report(when: string): void {
  const megabytes = replicas.map(({ process: { pid } }) => {
    const kilobytes = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1];
    return (Number(kilobytes) / 1_024).toFixed(0);
  });
  console.log(`${when}: ${megabytes.join(' and ')} MB resident`);
}

function median(values: readonly number[]): string {
  const sorted = [...values].sort((left, right) => left - right);
  return (sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1);
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const port = server.port ?? 0;
  void server.stop(true);
  return port;
}
