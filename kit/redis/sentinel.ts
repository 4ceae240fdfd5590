import type { ServerAddress } from '../config/hosts';
import { askServer } from './ask-server';
import type { Client } from './connection';

/**
 * The master that Sentinels have agreed on: the answer of the first one that responds (Redis, "Guidelines for Redis clients
 * with support for Redis Sentinel"). They are asked without credentials.
 *
 * @throws when none does
 */
export async function findMaster(address: {
  readonly sentinels: readonly ServerAddress[];
  readonly master: string;
  readonly access: { readonly tls: boolean };
}): Promise<ServerAddress> {
  const { master, access, sentinels } = address;
  const failures: unknown[] = [];
  for (const sentinel of sentinels) {
    try {
      return await askServer(sentinel, { tls: access.tls }, (client) => masterOf(client, master));
    } catch (failure) {
      failures.push(failure);
    }
  }
  throw new AggregateError(failures, 'No Sentinel has named the master');
}

async function masterOf(client: Client, master: string): Promise<ServerAddress> {
  const reply: unknown = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]);
  if (!Array.isArray(reply)) throw new Error('The Sentinel does not know a master with that name');
  const [host, port] = reply;
  return { host: String(host), port: Number(port) };
}

/** @throws when a server is the master no more, or not yet */
export async function requireMaster(client: Client): Promise<void> {
  // `ROLE` would do, but is a command of administration.
  const replication = await client.info('replication');
  if (!replication.includes('role:master')) throw new Error('The server is not a master');
}
