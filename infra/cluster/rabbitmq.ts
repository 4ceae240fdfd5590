import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { authorityOf } from '#kit/core/address';
import { keptPassword } from '../identities';
import { rabbitmqOperator, rabbitmqPlan, writeDefinitions } from '../rabbitmq';
import { defineFamily, type PlannedNode } from './family';
import type { Network } from './network';
import { runProgram } from './run-program';

const PORTS = { amqp: 15673, portMapper: 15674, distribution: 15675 };
/** The `rabbitmqctl` in the PATH switches to a system user, who cannot read the data folder. */
const RABBITMQCTL = '/usr/lib/rabbitmq/bin/rabbitmqctl';

/** A RabbitMQ cluster: its quorum queues are on every node, and go on with two of them. */
export const rabbitmqCluster = (network: Network) =>
  defineFamily('rabbitmq', network, {
    replacedBy: ['AMQP_URL'],
    async plan({ folder, profile, identities, nodes, choosePort }) {
      const operator = rabbitmqOperator(folder, profile);
      const definitions = writeDefinitions(folder, { profile, identities, operator });
      const cookie = join(folder, 'cookie');
      keptPassword(cookie);
      const amqp = await choosePort(PORTS.amqp);
      const portMapper = await choosePort(PORTS.portMapper);
      // RabbitMQ demands that its own is free on all addresses.
      const distribution: number[] = [];
      for (const _ of nodes) distribution.push(await choosePort(PORTS.distribution));
      const portsOf = ({ index }: PlannedNode) => ({
        ...{ amqp, portMapper, distribution: distribution[index] ?? PORTS.distribution },
      });
      const hosts = nodes.map(({ host }) => host);
      const settings = [
        'cluster_formation.peer_discovery_backend = classic_config',
        ...nodes.map(
          (node) => `cluster_formation.classic_config.nodes.${node.index + 1} = ${erlangName(node)}`,
        ),
        // A node that does not see a majority refuses to serve: otherwise both sides of a partition would.
        'cluster_partition_handling = pause_minority',
        // Seconds in which a silent node is noticed; 60 by default, longer than the clients wait.
        'net_ticktime = 5',
      ];
      let isNew = nodes.some((node) => !existsSync(cookieOf(node)));
      for (const node of nodes) installCookie(cookie, node);
      return {
        plans: nodes.map((node) =>
          rabbitmqPlan(node.folder, profile, {
            ...{ host: node.host, ports: portsOf(node), nodeName: erlangName(node), settings },
            mapperAddresses: mapperAddresses(network, node, hosts),
            environment: { RABBITMQ_USE_LONGNAME: 'true' },
          }),
        ),
        async form([first, ...others]) {
          if (first === undefined) throw new Error('The cluster has no node');
          // Nodes that have never run join one that has; those that have run wait for each other.
          if (isNew) await first.restart();
          await Promise.all((isNew ? others : [first, ...others]).map((node) => node.restart()));
          // A quorum queue has its replicas on the nodes that are members when it is declared.
          isNew = false;
          await importDefinitions(definitions, { network, portMapper, node: nodes[0] });
        },
        environment: {
          AMQP_URL: hosts
            .map((host) => `amqp://${operator.name}:${operator.password}@${authorityOf(host, amqp)}`)
            .join(','),
        },
      };
    },
  });

/** Different names on different hosts too: a port mapper that nodes share knows no hosts. */
const erlangName = ({ name, host }: PlannedNode) => `${name}@${host}`;

/** On a shared loopback interface one mapper serves all nodes: each would also listen on 127.0.0.1, on the same port. */
function mapperAddresses(network: Network, node: PlannedNode, hosts: readonly string[]): readonly string[] {
  if (!network.isShared) return [node.host];
  return node.index === 0 ? hosts : [];
}

/** Nodes trust each other by the cookie in their home. */
const cookieOf = (node: PlannedNode) => join(node.folder, 'home', '.erlang.cookie');

function installCookie(cookie: string, node: PlannedNode) {
  if (existsSync(cookieOf(node))) return;
  mkdirSync(join(node.folder, 'home'), { recursive: true });
  copyFileSync(cookie, cookieOf(node));
}

async function importDefinitions(
  file: string,
  at: { network: Network; portMapper: number; node: PlannedNode | undefined },
) {
  const { network, portMapper, node } = at;
  if (node === undefined) throw new Error('The cluster has no node');
  await runProgram(
    network.on(node.name, {
      program: RABBITMQCTL,
      args: ['--longnames', '--node', erlangName(node), '--quiet', 'import_definitions', file],
      environment: {
        HOME: join(node.folder, 'home'),
        ERL_EPMD_PORT: String(portMapper),
        ERL_EPMD_ADDRESS: node.host,
        // It does not exist: otherwise that of the machine is read.
        RABBITMQ_CONF_ENV_FILE: join(node.folder, 'rabbitmq-env.conf'),
      },
    }),
  );
}
