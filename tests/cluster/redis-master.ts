import { createClient } from 'redis';
import { parseRedisAddress } from '#kit/redis/address';
import { nodesOf } from '../../infra/cluster/nodes';
import type { ClusterStack } from '../../infra/cluster/start';
import { eventually } from '../support/eventually';

const REPLICATED_MS = 120_000;

/**
 * Who serves the slots of a node's shard now: the node itself, or the one that it replicates. Resolves once a replica
 * follows it: without one nobody would take its place.
 *
 * @returns the name of the master
 */
export async function masterOf(stack: ClusterStack, node: string): Promise<string> {
  const address = parseRedisAddress(stack.environment.REDIS_URL ?? '');
  if (address.kind !== 'cluster') throw new Error('Redis is no cluster');
  const { access, nodes } = address;
  const names = nodesOf('redis').map(({ name }) => name);

  async function roleOf(name: string): Promise<unknown[]> {
    const at = nodes[names.indexOf(name)];
    if (at === undefined) throw new Error(`The cluster has no node ${name}`);
    const { username, password } = access;
    const client = createClient({
      socket: { ...at, reconnectStrategy: false },
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    });
    // The command fails as well.
    client.on('error', () => undefined);
    await client.connect();
    try {
      const role: unknown = await client.sendCommand(['ROLE']);
      return Array.isArray(role) ? role : [];
    } finally {
      client.destroy();
    }
  }

  return eventually(async () => {
    // `master <offset> <replicas>`, or `slave <host of the master> …`.
    const [role, masterHost] = await roleOf(node);
    const master =
      role === 'master' ? node : names[nodes.findIndex(({ host }) => host === String(masterHost))];
    const [masterRole, , replicas] = master === undefined ? [] : await roleOf(master);
    if (master !== undefined && masterRole === 'master' && Array.isArray(replicas) && replicas.length > 0)
      return master;
    throw new Error(`The shard of ${node} has no master with a replica`);
  }, REPLICATED_MS);
}
