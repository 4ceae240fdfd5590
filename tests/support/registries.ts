import { join } from 'node:path';
import { type Stack, startStack } from '../../infra/stack';
import { freePort, spawnRegistry } from './registry';
import { uniqueName } from './servers';

type Replica = Awaited<ReturnType<typeof spawnRegistry>>;

/** Registries that share one table, each a process of its own, with a Redis between them that a test may kill. */
export interface Registries {
  /** For REGISTRY_URL. */
  readonly urls: readonly string[];
  readonly stack: Stack;
  replica(number: number): Replica;
  /** SIGKILL, and another process in its place. */
  kill(number: number): Promise<void>;
  startAgain(number: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param name tells the folders of two tests apart; @param portOffset as of `startStack` */
export async function startRegistries(name: string, portOffset: number, count: number): Promise<Registries> {
  const folder = join(import.meta.dir, '..', '..', '.data', `registries-${name}`);
  const stack = await startStack({ folder, profile: 'test', portOffset, only: ['redis'], source: {} });
  const environment = {
    REGISTRY_REDIS_URL: stack.environment.REDIS_URL ?? '',
    REGISTRY_GROUP: uniqueName('registries'),
  };
  const start = (port: number) => spawnRegistry(port, environment);
  const replicas = await Promise.all(Array.from({ length: count }, () => start(freePort())));
  const replica = (number: number): Replica => {
    const one = replicas[number];
    if (one === undefined) throw new Error(`There is no replica ${number}`);
    return one;
  };
  return {
    urls: replicas.map(({ url }) => url),
    stack,
    replica,
    kill: (number) => replica(number).kill(),
    async startAgain(number) {
      replicas[number] = await start(Number(new URL(replica(number).url).port));
    },
    async stop() {
      await Promise.all(replicas.map((one) => one.kill()));
      await stack.stop();
    },
  };
}
