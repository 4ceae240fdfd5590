import { createClient } from 'redis';
import type { Stack } from '../../infra/stack';

const open = (url: string) => createClient({ url });
type Client = ReturnType<typeof open>;

/** Runs `work` with the Redis of a stack, as its operator. */
export async function withRedis<Result>(
  { environment }: Stack,
  work: (redis: Client) => Promise<Result>,
): Promise<Result> {
  const { REDIS_URL: url } = environment;
  if (url === undefined) throw new Error('The stack has no Redis');
  const client = open(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Bytes that its data takes. */
export async function usedMemory(redis: Client): Promise<number> {
  const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1];
  if (used === undefined) throw new Error('Redis does not say how much memory it uses');
  return Number(used);
}
