import { resolve } from 'node:path';
import { dynamodb } from '../dynamodb';
import { FolderInUse, ownerOf } from '../folder-lock';
import { mail } from '../mail';
import { type Stack, type StackOptions, startStack } from '../stack';
import { beanstalkds } from './beanstalkd';
import { galera } from './mariadb';
import { namespaceNetwork } from './namespaces';
import { loopbackNetwork, type Network } from './network';
import { rabbitmqCluster } from './rabbitmq';
import { redisCluster } from './redis';
import { s3 } from './s3';

/** A stack with several nodes of each server; `server('mariadb-1')` is one of them. */
export interface ClusterStack extends Stack {
  readonly network: Network;
}

/**
 * Starts the servers of Rookery as clusters on this machine: Galera, Redis Cluster, RabbitMQ, several beanstalkd, an
 * S3-compatible store that all processes share; and one of what has no cluster of its own here.
 *
 * @param options.namespaces a network namespace for each node, so that it can be partitioned; needs root. Otherwise each
 *   has a loopback address
 * @throws like `startStack`
 */
export async function startCluster(
  options: Omit<StackOptions, 'servers'> & { readonly namespaces?: boolean },
): Promise<ClusterStack> {
  const folder = resolve(options.folder);
  const owner = ownerOf(folder);
  // The network of a running cluster must not be taken from it.
  if (owner !== undefined) throw new FolderInUse(folder, owner);
  const network = options.namespaces === true ? namespaceNetwork(folder) : loopbackNetwork();
  await network.open();
  try {
    const clusters = [rabbitmqCluster, galera, redisCluster, beanstalkds, s3].map((create) =>
      create(network),
    );
    const stack = await startStack({ ...options, servers: [...clusters, mail, dynamodb] });
    return {
      ...stack,
      // Read each time: they change while servers start.
      get environment() {
        return stack.environment;
      },
      get processEnvironment() {
        return stack.processEnvironment;
      },
      network,
      async stop() {
        await stack.stop();
        await network.close();
      },
    };
  } catch (failure) {
    await network.close();
    throw failure;
  }
}
