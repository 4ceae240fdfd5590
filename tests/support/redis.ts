import { createClient } from 'redis';
import type { ServerAddress } from '#kit/config/hosts';
import { parseRedisAddress } from '#kit/redis/address';
import type { Redis } from '#kit/redis/commands';

/** The names of all keys that match. */
export async function keysOf(redis: Redis, pattern: string): Promise<string[]> {
  const keys = new Set<string>();
  for await (const batch of redis.scanIterator({ MATCH: pattern })) for (const key of batch) keys.add(key);
  return [...keys];
}

/** Breaks every connection of the clients with a name, which is that of their runtime. @param url REDIS_URL */
export async function breakConnections(url: string, name: string): Promise<void> {
  const address = parseRedisAddress(url);
  const servers =
    address.kind === 'server' ? [address.server] : address.kind === 'cluster' ? address.nodes : [];
  const broken = await Promise.all(servers.map((server) => breakConnectionsTo(server, name)));
  if (broken.every((count) => count === 0)) throw new Error(`No connection has the name ${name}`);
}

async function breakConnectionsTo({ host, port }: ServerAddress, name: string): Promise<number> {
  const client = createClient({ socket: { host, port } });
  await client.connect();
  const connections = await client.clientList();
  const ids = connections.filter((connection) => connection.name === name).map(({ id }) => id);
  for (const id of ids) await client.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]);
  client.destroy();
  return ids.length;
}
