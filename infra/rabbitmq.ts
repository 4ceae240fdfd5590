import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorityOf } from '#kit/core/address';
import { OPERATOR } from '#kit/messaging/rabbit/publisher-check';
import { type BrokerUser, brokerDefinitions } from './broker-definitions';
import { keptPassword, randomPassword } from './identities';
import { probeTcp } from './probes';
import { systemProgram } from './programs';
import { defineServer, type Plan, type Profile } from './server';

/** The `rabbitmq-server` in the PATH switches to a system user, who cannot write to the data folder. */
const RABBITMQ_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/**
 * Erlang's port mapper (epmd) runs as a child on a port of its own: by default Erlang starts a daemon that is shared
 * with every other Erlang program and stays behind. With a private mapper the node name need not be unique, and the
 * folder can be moved without losing the queues stored under that name.
 */
export const rabbitmq = defineServer({
  name: 'rabbitmq',
  replacedBy: ['AMQP_URL'],
  ports: { amqp: 15673, portMapper: 15674, distribution: 15675 },
  plan({ folder, profile, identities, ports }) {
    const operator = rabbitmqOperator(folder, profile);
    const definitions = writeDefinitions(folder, { profile, identities, operator });
    return {
      ...rabbitmqPlan(folder, profile, {
        ...{ host: '127.0.0.1', ports, mapperAddresses: ['127.0.0.1'], nodeName: 'rookery@localhost' },
        settings: [`load_definitions = ${definitions}`],
      }),
      environment: { AMQP_URL: `amqp://${operator.name}:${operator.password}@127.0.0.1:${ports.amqp}` },
    };
  },
});

/** A node of RabbitMQ. */
export interface RabbitmqNode {
  readonly host: string;
  readonly ports: { readonly amqp: number; readonly portMapper: number; readonly distribution: number };
  /** Where its port mapper listens; none: that of another node serves it. */
  readonly mapperAddresses: readonly string[];
  readonly nodeName: string;
  /** Further lines of `rabbitmq.conf`. */
  readonly settings: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** How one RabbitMQ is run, whether it is alone or a node of a cluster. */
export function rabbitmqPlan(folder: string, profile: Profile, node: RabbitmqNode): Plan {
  if (!existsSync(RABBITMQ_SERVER))
    throw new Error('RabbitMQ is missing: run `sh infra/install.sh`, or install the package rabbitmq-server');
  const { host, ports, mapperAddresses } = node;
  const portMapper = { ERL_EPMD_PORT: String(ports.portMapper) };
  const mapper = {
    program: systemProgram('epmd', 'erlang-base'),
    args: [],
    environment: { ...portMapper, ERL_EPMD_ADDRESS: mapperAddresses.join(',') },
  };
  const server = {
    program: RABBITMQ_SERVER,
    args: [],
    environment: {
      ...portMapper,
      ERL_EPMD_ADDRESS: host,
      ...prepareFolder(folder, node),
      ...(profile === 'compact' && compactOn(host)),
      ...node.environment,
    },
  };
  return {
    commands: mapperAddresses.length === 0 ? [server] : [mapper, server],
    // RabbitMQ replies to the protocol header with Connection.Start, frame type 1, once it is up.
    ready: async () => (await probeTcp(ports.amqp, 'AMQP\0\0\x09\x01', host))?.startsWith('\x01') === true,
  };
}

export const rabbitmqOperator = (folder: string, profile: Profile): BrokerUser =>
  profile === 'test' ? TEST_OPERATOR : { name: OPERATOR, password: keptPassword(join(folder, 'operator')) };

/** @returns the file with the users, exchanges, queues and bindings that the broker imports */
export function writeDefinitions(
  folder: string,
  of: { profile: Profile; identities: readonly BrokerUser[]; operator: BrokerUser },
): string {
  // A broker of the version before has a guest, who is shut out by a password that nobody knows.
  const guest = of.profile === 'test' ? [] : [{ name: 'guest', password: randomPassword() }];
  const file = join(folder, 'definitions.json');
  const definitions = brokerDefinitions(of.identities, [of.operator, ...guest]);
  writeFileSync(file, JSON.stringify(definitions), { mode: 0o600 });
  return file;
}

/** Of Erlang's own listener. */
const listeningOn = (host: string) => `-kernel inet_dist_use_interface {${host.replaceAll('.', ',')}}`;

/**
 * One scheduler of each kind has one set of allocators; they take and keep memory in small pieces, and garbage is collected
 * fully. Fewer processes than the default of a million need a smaller table.
 */
const compactOn = (host: string) => ({
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: [
    ...[listeningOn(host), '+S 1:1', '+SDcpu 1:1', '+SDio 1', '+A 1', '-env ERL_FULLSWEEP_AFTER 0'],
    ...['+MBlmbcs 128', '+MHlmbcs 128', '+MMmcs 4'],
  ].join(' '),
  RABBITMQ_MAX_NUMBER_OF_PROCESSES: '65536',
});

/** What the tests of this repository connect as. */
const TEST_OPERATOR = { name: 'guest', password: 'guest' };

function prepareFolder(
  folder: string,
  { host, ports, nodeName, settings }: RabbitmqNode,
): Record<string, string> {
  const pathOf = (name: string) => join(folder, name);
  for (const name of ['home', 'database', 'logs', 'config']) mkdirSync(pathOf(name), { recursive: true });
  writeFileSync(pathOf('enabled_plugins'), '[].\n');
  writeFileSync(
    pathOf('rabbitmq.conf'),
    [
      `listeners.tcp.1 = ${authorityOf(host, ports.amqp)}`,
      ...settings,
      'vm_memory_high_watermark.absolute = 512MB',
      'disk_free_limit.absolute = 50MB',
      // The write-ahead log of quorum queues is held in memory up to this size; 512 MB by default.
      'raft.wal_max_size_bytes = 16777216',
      // How often each connection, channel and queue is measured, for a management plugin that does not run; 5 s by default.
      'collect_statistics_interval = 60000',
      'log.file = false',
      'log.console = true',
      'log.console.level = warning',
      '',
    ].join('\n'),
  );
  return {
    HOME: pathOf('home'),
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: listeningOn(host),
    RABBITMQ_MNESIA_BASE: pathOf('database'),
    RABBITMQ_LOG_BASE: pathOf('logs'),
    RABBITMQ_PID_FILE: pathOf('rabbitmq.pid'),
    RABBITMQ_CONFIG_FILE: pathOf('rabbitmq.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: pathOf('config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: pathOf('enabled_plugins'),
    // Neither file exists: this prevents RabbitMQ from reading those in /etc/rabbitmq.
    RABBITMQ_ADVANCED_CONFIG_FILE: pathOf('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: pathOf('rabbitmq-env.conf'),
    // Makes the start script exec the server instead of waiting for it, so that signals reach the server.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}
