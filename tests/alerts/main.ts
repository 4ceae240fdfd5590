import { join } from 'node:path';
import { createMysqlPool } from '#kit/mysql/database';
import { type Client, join as signUp } from '../support/client';
import { eventually } from '../support/eventually';
import { openAddress } from '../support/open-address';
import { childrenOf } from '../support/processes';
import { testRuntime } from '../support/servers';
import { type System, startSystem } from '../support/system';
import { startPrometheus } from './prometheus';

/**
 * Provokes every alert of `deploy/prometheus/rules.yml` in a system of its own, watched by a real Prometheus that discovers
 * its targets through the registry, and reports which fired: `make alerts` (a=NoInstances: only this one). Not part of the
 * tests, because it takes minutes.
 */
const FOLDER = join(import.meta.dir, '..', '..', '.data', 'alerts-prometheus');
const DEADLINE_MS = 240_000;
const PROCESSES = [
  ...['registry', 'gateway', 'users', 'auth', 'timelines', 'likes', 'polls', 'mail', 'notifications'],
  ...['posts', 'fanout', 'mail-worker'],
];

/** @param only provokes these alerts; all by default */
async function main(only: readonly string[]): Promise<boolean> {
  const system = await startSystem(
    'alerts',
    ({ environment }) => ({
      GATEWAY_WORKERS: '2',
      RATE_LIMIT_PER_MINUTE: '1000000',
      DB_POOL_SIZE: '2',
      REGISTRY_REDIS_URL: environment.REDIS_URL ?? '',
      // Nobody listens there.
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    }),
    PROCESSES,
  );
  const runtime = testRuntime('alerts');
  const prometheus = await startPrometheus(system, FOLDER);
  const seen = new Set<string>();
  const watching = setInterval(() => {
    prometheus.firing().then(
      (names) => {
        for (const name of names) if (!seen.has(name)) console.log(`  fires: ${name}`);
        for (const name of names) seen.add(name);
      },
      // Not listening yet.
      () => undefined,
    );
  }, 500);
  try {
    const wanted = only.length > 0 ? only : prometheus.alerts;
    const missing = () => wanted.filter((name) => !seen.has(name));
    const [first, ...others] = provocations(system, runtime);
    // The first signs the person in whom others need.
    const chosen = others.filter(([names]) => names.some((name) => wanted.includes(name)));
    for (const [names, provoke] of first === undefined ? [] : [first, ...chosen]) {
      console.log(`Provoking ${names.join(', ')}`);
      // Some fire for a moment while the system starts.
      for (const name of names) seen.delete(name);
      const undo = await provoke();
      await eventually(() => names.every((name) => seen.has(name)), DEADLINE_MS).catch(() =>
        console.log(`  MISSING: ${names.filter((name) => !seen.has(name)).join(', ')}`),
      );
      await undo?.();
    }
    console.log(
      `${seen.size} of ${prometheus.alerts.length} alerts fired. Missing: ${missing().join(', ') || 'none'}`,
    );
    return missing().length === 0;
  } finally {
    clearInterval(watching);
    await prometheus.stop();
    await runtime.close();
    await system.stop();
  }
}

type Provocation = readonly [
  alerts: readonly string[],
  provoke: () => Promise<(() => Promise<void>) | undefined>,
];

/** In this order: what the first ones need still works then. */
function provocations(system: System, runtime: ReturnType<typeof testRuntime>): Provocation[] {
  const send = (pid: number, signal: NodeJS.Signals): void => void process.kill(pid, signal);
  let ada: Client;
  return [
    [
      ['MemoryHigh', 'TracesLost'],
      async () => {
        let attempt = 0;
        ada = await eventually(() => signUp(system.url, `ada${attempt++}`), 180_000);
        return undefined;
      },
    ],
    [['InstanceEjected', 'ErrorRate', 'ServiceRefused'], () => breakService(system, runtime)],
    [
      ['DatabaseConnectionsShort'],
      async () => {
        const {
          DB_HOST: host = '',
          DB_PORT,
          DB_USER: user = '',
          DB_PASSWORD: password = '',
        } = system.stack.environment;
        const address = { host, port: Number(DB_PORT), user, password, database: 'microblog_users' };
        const pool = createMysqlPool(address, 1);
        await pool.query('lock tables users write');
        const waiting = Array.from({ length: 20 }, () =>
          ada.get(`/users/${ada.username}`).catch(() => undefined),
        );
        return async () => {
          await pool.end();
          await Promise.all(waiting);
        };
      },
    ],
    [['MessagesParked', 'QueueOld'], () => putInvalidJobs(system)],
    [
      ['GatewayWorkers'],
      async () => {
        const [worker = 0] = await childrenOf(system.process('gateway').pid);
        send(worker, 'SIGSTOP');
        return async () => send(worker, 'SIGCONT');
      },
    ],
    [['EventLoopLag'], () => pauseRepeatedly(system.process('notifications').pid)],
    [
      ['OutboxStuck', 'OutboxBlocked', 'EventBrokerAway'],
      async () => {
        const post = await ada.post('/posts', { text: 'Liked while the broker is away' });
        await system.stack.server('rabbitmq').kill();
        await ada.post('/posts', { text: 'Nobody hears of it' });
        await ada.post(`/likes/${post.body.id}`);
        return () => system.stack.server('rabbitmq').restart();
      },
    ],
    [
      ['JobServerAway'],
      async () => {
        await system.stack.server('beanstalkd').kill();
        return () => system.stack.server('beanstalkd').restart();
      },
    ],
    [
      ['RateLimitsNotShared', 'RegistryAlone'],
      async () => {
        await system.stack.server('redis').kill();
        const asking = setInterval(() => void ada.get(`/users/${ada.username}`).catch(() => undefined), 200);
        return async () => clearInterval(asking);
      },
    ],
    [
      ['ProcessDown', 'ServiceGone'],
      async () => {
        await system.process('fanout').kill();
        await system.process('polls').kill();
        return undefined;
      },
    ],
    [
      ['NoInstances'],
      async () => {
        await system.process('gateway').kill();
        return undefined;
      },
    ],
  ];
}

/** Registers a service whose instances stop serving: they are ejected, its circuit opens, and requests fail. */
async function breakService(system: System, runtime: ReturnType<typeof testRuntime>) {
  const servers = [0, 1].map(() => openAddress(() => new Response('ok')));
  const leases = servers.map((server) =>
    server.register(runtime, [system.process('registry').url], {
      name: 'flaky',
      routes: [{ method: 'GET', path: '/flaky' }],
    }),
  );
  await Promise.all(leases.map(({ registered }) => registered));
  const ask = () => fetch(`${system.url}/flaky`, { signal: AbortSignal.timeout(5_000) });
  await eventually(async () => (await ask()).status === 200);
  await Promise.all(servers.map((server) => server.close()));
  const asking = setInterval(() => {
    for (let count = 0; count < 20; count++) void ask().catch(() => undefined);
  }, 200);
  return async () => {
    clearInterval(asking);
    await Promise.all(leases.map((lease) => lease.deregister()));
  };
}

/**
 * Puts jobs that no worker can read into a tube, more than it can park in a few seconds (the protocol:
 * put <priority> <delay> <time to run> <bytes>).
 */
async function putInvalidJobs(system: System) {
  const { BEANSTALKD_HOST = '', BEANSTALKD_PORT } = system.stack.environment;
  const socket = await Bun.connect({
    hostname: BEANSTALKD_HOST,
    port: Number(BEANSTALKD_PORT),
    socket: { data: () => undefined },
  });
  socket.write('use posts\r\n');
  for (let batch = 0; batch < 200; batch++) {
    socket.write('put 0 0 60 8\r\nnot json\r\n'.repeat(50));
    await Bun.sleep(10);
  }
  return async () => void socket.end();
}

async function pauseRepeatedly(pid: number) {
  const pausing = setInterval(() => {
    process.kill(pid, 'SIGSTOP');
    setTimeout(() => process.kill(pid, 'SIGCONT'), 300);
  }, 700);
  return async () => {
    clearInterval(pausing);
    await Bun.sleep(500);
    process.kill(pid, 'SIGCONT');
  };
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
