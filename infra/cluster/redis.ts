import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorityOf } from '#kit/core/address';
import { until } from '../processes';
import { systemProgram } from '../programs';
import { redisOperator, redisPlan } from '../redis';
import { redisUsers } from '../redis-users';
import { defineFamily } from './family';
import type { Network } from './network';
import { runProgram } from './run-program';

/** The nodes talk to each other 10,000 ports further. */
const PORT = 16379;
/** A master that is silent for this long is replaced by its replica. */
const NODE_TIMEOUT_MS = 5_000;
const FORM_TIMEOUT_MS = 120_000;

/** Redis Cluster: three masters with a replica each. */
export const redisCluster = (network: Network) =>
  defineFamily('redis', network, {
    replacedBy: ['REDIS_URL'],
    async plan({ folder, profile, identities, nodes, choosePort, signal }) {
      const operator = redisOperator(folder, profile);
      const users = join(folder, 'users.acl');
      writeFileSync(users, redisUsers(identities, operator), { mode: 0o600 });
      const port = await choosePort(PORT);
      const addresses = nodes.map(({ host }) => authorityOf(host, port));
      const ask = (host: string, ...args: string[]) =>
        runProgram(
          {
            program: systemProgram('redis-cli', 'redis-tools'),
            args: ['-h', host, '-p', String(port), ...(operator ? ['--user', operator.name] : []), ...args],
            environment: operator === undefined ? {} : { REDISCLI_AUTH: operator.password },
          },
          signal,
        );
      const infoOf = (host: string) => ask(host, 'cluster', 'info');
      return {
        plans: nodes.map((node) =>
          redisPlan({
            ...{ folder: node.folder, users, host: node.host, port },
            args: [
              // Without a password it accepts 127.0.0.1 only, and no other loopback address.
              ...(operator ? [] : ['--protected-mode', 'no']),
              ...secretSettings(node.folder, operator),
              // A node is known by the address that its connections come from, which on loopback would be another.
              ...['--cluster-enabled', 'yes', '--bind-source-addr', node.host],
              ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
              // One shard without its master and its replica does not make the others useless.
              ...['--cluster-require-full-coverage', 'no'],
              // Who replicates whom stays as it is: a shard is not left without its replica for another one's sake.
              ...['--cluster-allow-replica-migration', 'no'],
            ],
          }),
        ),
        async form(running) {
          await Promise.all(running.map((node) => node.restart()));
          const [first = ''] = nodes.map(({ host }) => host);
          if ((await infoOf(first)).includes('cluster_slots_assigned:0'))
            await ask(first, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes');
          const isFormed = await until(
            async () =>
              (await Promise.all(nodes.map(({ host }) => infoOf(host)))).every(isWhole) &&
              areReplicated(await Promise.all(nodes.map(({ host }) => ask(host, 'info', 'replication')))),
            FORM_TIMEOUT_MS,
            signal,
          );
          if (!isFormed) throw new Error('The nodes of Redis have not formed a cluster');
        },
        environment: { REDIS_URL: addresses.map((address) => urlOf(address, operator)).join(',') },
      };
    },
  });

/** What a replica signs in with: in a file, since everybody on the machine sees arguments. */
function secretSettings(folder: string, operator: { name: string; password: string } | undefined) {
  if (operator === undefined) return [];
  const file = join(folder, 'node.conf');
  writeFileSync(file, `masteruser ${operator.name}\nmasterauth ${operator.password}\n`, { mode: 0o600 });
  return ['--include', file];
}

/** Half of the nodes have copied the data of another. */
const areReplicated = (replication: readonly string[]) =>
  replication.filter((info) => info.includes('master_link_status:up')).length === replication.length / 2;

const isWhole = (info: string) =>
  info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384');

const urlOf = (address: string, operator: { name: string; password: string } | undefined) =>
  `redis+cluster://${operator === undefined ? '' : `${operator.name}:${operator.password}@`}${address}`;
