import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeTcp } from '../../infra/probes';
import { systemProgram } from '../../infra/programs';
import { eventually } from './eventually';

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
/** The one in the PATH switches to a system user, who cannot read the folder. */
const CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
const BOOT_MS = 180_000;
/** Below those that the kernel gives to connections. */
const PORTS = { amqp: 31_500, distribution: 31_510, portMapper: 31_520 };

/** A node of a cluster. */
export interface ClusterNode {
  readonly url: string;
  /** `host:port` */
  readonly name: string;
  signal(signal: NodeJS.Signals): void;
  /** Kills it (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it, with the data it had, and waits until it accepts connections. */
  start(): Promise<void>;
  /** How many nodes it sees, itself included; undefined while it is paused. */
  runningNodes(): Promise<number | undefined>;
}

/** Starts a RabbitMQ cluster on loopback addresses, as production should run one. It takes about 500 MB. */
export async function startRabbitmqCluster(
  count: number,
): Promise<{ nodes: readonly ClusterNode[]; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-rabbitmq-cluster-'));
  const portMapper = Bun.spawn([systemProgram('epmd', 'erlang-base')], {
    env: { ...plainEnvironment(), ...MAPPER },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const nodes = Array.from({ length: count }, (_, index) => describeNode(folder, index, count));
  const [first, ...others] = nodes;
  // They join one that runs.
  await first?.start();
  await Promise.all(others.map((node) => node.start()));
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      portMapper.kill();
      await portMapper.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const MAPPER = { ERL_EPMD_PORT: String(PORTS.portMapper), ERL_EPMD_ADDRESS: '127.0.0.1' };
const erlangName = (index: number) => `node${index}@localhost`;
const plainEnvironment = () => ({ LANG: 'C.UTF-8', PATH: process.env.PATH ?? '' });

function describeNode(parent: string, index: number, count: number): ClusterNode {
  const folder = join(parent, `node${index}`);
  const port = PORTS.amqp + index;
  const environment = prepareNode(folder, index, count);
  let running: Bun.Subprocess | undefined;
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    name: `127.0.0.1:${port}`,
    signal: (signal) => running?.kill(signal),
    async kill() {
      running?.kill('SIGKILL');
      await running?.exited;
    },
    async start() {
      running = Bun.spawn([SERVER], {
        env: { ...plainEnvironment(), ...MAPPER, ...environment },
        stdio: ['ignore', Bun.file(join(folder, 'log')), Bun.file(join(folder, 'log'))],
      });
      await eventually(
        async () => (await probeTcp(port, 'AMQP\0\0\x09\x01'))?.startsWith('\x01') === true,
        BOOT_MS,
      );
    },
    async runningNodes() {
      const expression = 'length(rabbit_nodes:all_running()).';
      const control = Bun.spawn([CONTROL, '-q', '--node', erlangName(index), 'eval', expression], {
        env: { ...plainEnvironment(), ...MAPPER, ...environment },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const count = Number(await new Response(control.stdout).text());
      return (await control.exited) === 0 ? count : undefined;
    },
  };
}

function prepareNode(folder: string, index: number, count: number): Record<string, string> {
  const pathOf = (name: string) => join(folder, name);
  for (const name of ['home', 'database', 'logs', 'config']) mkdirSync(pathOf(name), { recursive: true });
  writeFileSync(pathOf('home/.erlang.cookie'), 'cluster-of-a-test', { mode: 0o400 });
  writeFileSync(pathOf('enabled_plugins'), '[].\n');
  const nodes = Array.from(
    { length: count },
    (_, other) => `cluster_formation.classic_config.nodes.${other + 1} = ${erlangName(other)}`,
  );
  writeFileSync(
    pathOf('rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${PORTS.amqp + index}`,
      'cluster_formation.peer_discovery_backend = classic_config',
      ...nodes,
      'cluster_partition_handling = pause_minority',
      'vm_memory_high_watermark.absolute = 512MB',
      'disk_free_limit.absolute = 50MB',
      'raft.wal_max_size_bytes = 16777216',
      'log.file = false',
      'log.console = true',
      'log.console.level = warning',
      '',
    ].join('\n'),
  );
  return {
    HOME: pathOf('home'),
    RABBITMQ_NODENAME: erlangName(index),
    RABBITMQ_DIST_PORT: String(PORTS.distribution + index),
    // A node that is cut off notices within seconds instead of a minute.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime 5 +S 1:1',
    RABBITMQ_MNESIA_BASE: pathOf('database'),
    RABBITMQ_LOG_BASE: pathOf('logs'),
    RABBITMQ_PID_FILE: pathOf('rabbitmq.pid'),
    RABBITMQ_CONFIG_FILE: pathOf('rabbitmq.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: pathOf('config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: pathOf('enabled_plugins'),
    RABBITMQ_ADVANCED_CONFIG_FILE: pathOf('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: pathOf('rabbitmq-env.conf'),
    // The start script execs the server, so that signals reach it.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}
