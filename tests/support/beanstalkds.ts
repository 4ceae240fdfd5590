import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerAddress } from '#kit/config/hosts';
import { isPortFree } from '../../infra/ports';
import { probeTcp } from '../../infra/probes';
import { systemProgram } from '../../infra/programs';
import { eventually } from './eventually';

/** A beanstalkd of a test, with its binlog. */
export interface TestBeanstalkd {
  /** `host:port` */
  readonly name: string;
  readonly address: ServerAddress;
  signal(signal: NodeJS.Signals): void;
  /** Kills it (SIGKILL); its jobs stay in the binlog. */
  kill(): Promise<void>;
  /** Starts it again, at the same address and with the same jobs. */
  start(): Promise<void>;
}

/** Starts beanstalkd servers that know nothing of each other, as in production. `stop` removes them and their jobs. */
export async function startBeanstalkds(
  count: number,
): Promise<{ servers: readonly TestBeanstalkd[]; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-beanstalkds-'));
  const servers: TestBeanstalkd[] = [];
  while (servers.length < count) servers.push(describeServer(folder, await choosePort()));
  await Promise.all(servers.map((server) => server.start()));
  return {
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function describeServer(parent: string, port: number): TestBeanstalkd {
  const folder = mkdtempSync(join(parent, 'binlog-'));
  const address = { host: '127.0.0.1', port };
  let process: Bun.Subprocess | undefined;
  return {
    name: `127.0.0.1:${port}`,
    address,
    signal: (signal) => process?.kill(signal),
    async kill() {
      process?.kill('SIGKILL');
      await process?.exited;
    },
    async start() {
      const command = [systemProgram('beanstalkd', 'beanstalkd'), '-l', address.host, '-p', String(port)];
      // What is written survives SIGKILL without being synced to disk.
      process = Bun.spawn([...command, '-b', folder, '-F'], { stdio: ['ignore', 'ignore', 'ignore'] });
      await eventually(async () => (await probeTcp(port, 'stats\r\n'))?.startsWith('OK ') === true);
    },
  };
}

/** Below those that the kernel gives to connections and to servers that ask for any: it is still free after a restart. */
async function choosePort(): Promise<number> {
  for (;;) {
    const port = 26_000 + Math.floor(Math.random() * 4_000);
    if (await isPortFree(port)) return port;
  }
}
