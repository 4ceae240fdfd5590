import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type Child, startChild } from '../../infra/child';
import { systemProgram } from '../../infra/programs';
import { eventually } from './eventually';

/** A Redis of a test: what it kills or stops is nobody else's. */
export interface TestRedis {
  readonly port: number;
  /** Of the other nodes of a cluster. */
  readonly busPort: number;
  readonly url: string;
  signal(signal: NodeJS.Signals): void;
  /** Starts it again after SIGKILL, with its data. */
  restart(): Promise<void>;
}

export interface TestServers {
  /** Starts a server and returns once it responds. */
  start(program: 'redis-server' | 'redis-sentinel', args?: readonly string[]): Promise<TestRedis>;
  folder: string;
  /** Kills all. */
  stop(): Promise<void>;
}

/** Servers in a temporary folder, on free ports of loopback. */
export function testServers(): TestServers {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-redis-'));
  const children = new Set<Child>();

  async function start(program: 'redis-server' | 'redis-sentinel', args: readonly string[] = []) {
    const [port = 0, busPort = 0] = await freePorts(2);
    const own = join(folder, String(port));
    mkdirSync(own);
    // A Sentinel writes what it knows into its configuration.
    const file = join(own, 'sentinel.conf');
    if (program === 'redis-sentinel') writeFileSync(file, '');
    const cluster = args.includes('--cluster-enabled') ? ['--cluster-port', String(busPort)] : [];
    const command = {
      program: systemProgram('redis-server', 'redis-server'),
      args: [
        ...(program === 'redis-sentinel' ? [file, '--sentinel'] : []),
        ...args,
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', own, '--set-proc-title', 'no'],
        ...cluster,
        ...(program === 'redis-server' ? ['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''] : []),
      ],
    };
    let child = startChild(command, { folder: own, logFile: join(own, 'log'), mark: {} });
    children.add(child);
    const url = `redis://127.0.0.1:${port}`;
    await responds(url);
    return {
      port,
      busPort,
      url,
      signal: (signal: NodeJS.Signals) => child.signal(signal),
      async restart() {
        await child.exited;
        child = startChild(command, { folder: own, logFile: join(own, 'log'), mark: {} });
        children.add(child);
        await responds(url);
      },
    };
  }

  return {
    start,
    folder,
    async stop() {
      for (const child of children) {
        // Also one that a test has stopped.
        child.signal('SIGKILL');
        await child.exited;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs commands on a server that has no other client for them. */
export async function ask(url: string, ...commands: readonly string[][]): Promise<unknown[]> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await Promise.all(commands.map((command) => client.sendCommand(command)));
  } finally {
    client.destroy();
  }
}

const responds = (url: string) => eventually(async () => (await ask(url, ['PING']))[0] === 'PONG');

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(async (server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('No port');
    return address.port;
  });
  const free = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return free;
}
