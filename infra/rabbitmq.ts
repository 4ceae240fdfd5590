import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstAnswer } from './answers';
import { systemProgram } from './programs';
import { defineServer } from './server';

/** The `rabbitmq-server` in the PATH switches to the system's user, who may not write here. */
const RABBITMQ_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/**
 * Erlang's port mapper runs as a child like any other, on a port of its own: left to itself Erlang starts a
 * daemon that stays behind and is shared with every other Erlang program. Since nobody else asks this mapper,
 * the node's name need not be unique, and the folder may be moved without losing the queues kept under it.
 */
export const rabbitmq = defineServer({
  name: 'rabbitmq',
  replacedBy: ['AMQP_URL'],
  ports: { amqp: 15673, portMapper: 15674, distribution: 15675 },
  plan({ folder, ports }) {
    if (!existsSync(RABBITMQ_SERVER))
      throw new Error(
        'RabbitMQ is missing: run `sh infra/install.sh`, or install the package rabbitmq-server',
      );
    const portMapper = { ERL_EPMD_PORT: String(ports.portMapper), ERL_EPMD_ADDRESS: '127.0.0.1' };
    return {
      commands: [
        { program: systemProgram('epmd', 'erlang-base'), args: [], environment: portMapper },
        {
          program: RABBITMQ_SERVER,
          args: [],
          environment: { ...portMapper, ...prepareFolder(folder, ports) },
        },
      ],
      // RabbitMQ answers the protocol header with Connection.Start, frame type 1, once it is up.
      ready: async () => (await firstAnswer(ports.amqp, 'AMQP\0\0\x09\x01'))?.startsWith('\x01') === true,
      environment: { AMQP_URL: `amqp://guest:guest@127.0.0.1:${ports.amqp}` },
    };
  },
});

function prepareFolder(
  folder: string,
  ports: { amqp: number; distribution: number },
): Record<string, string> {
  const inFolder = (name: string) => join(folder, name);
  for (const name of ['home', 'database', 'logs', 'config']) mkdirSync(inFolder(name), { recursive: true });
  writeFileSync(inFolder('enabled_plugins'), '[].\n');
  writeFileSync(
    inFolder('rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
      'vm_memory_high_watermark.absolute = 512MB',
      'disk_free_limit.absolute = 50MB',
      // The quorum queues' log is held in memory up to this size: 512 MB by default.
      'raft.wal_max_size_bytes = 16777216',
      'log.file = false',
      'log.console = true',
      'log.console.level = warning',
      '',
    ].join('\n'),
  );
  return {
    HOME: inFolder('home'),
    RABBITMQ_NODENAME: 'rookery@localhost',
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: inFolder('database'),
    RABBITMQ_LOG_BASE: inFolder('logs'),
    RABBITMQ_PID_FILE: inFolder('rabbitmq.pid'),
    RABBITMQ_CONFIG_FILE: inFolder('rabbitmq.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: inFolder('config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: inFolder('enabled_plugins'),
    // Neither exists: they keep the system's own files in /etc/rabbitmq out.
    RABBITMQ_ADVANCED_CONFIG_FILE: inFolder('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: inFolder('rabbitmq-env.conf'),
    // Makes the start script become the server instead of waiting beside it, so that signals reach the server.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}
