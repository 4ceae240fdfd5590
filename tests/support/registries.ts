import { join } from 'node:path';
import { type Stack, startStack } from '../../infra/stack';
import { freePort, spawnRegistry } from './registry';
import { uniqueName } from './servers';

type Replica = Awaited<ReturnType<typeof spawnRegistry>>;

/** Replicated registry processes, with a Redis of their own that a test may kill. */
export interface Registries {
  /** The values for REGISTRY_URL. */
  readonly urls: readonly string[];
  readonly stack: Stack;
  replica(number: number): Replica;
  /** Sends SIGKILL to a replica; `restart` starts it again on its port. */
  kill(number: number): Promise<void>;
  restart(number: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param name distinguishes the folders of two tests; @param portOffset as in `startStack` */
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
    if (one === undefined) throw new Error(`Replica ${number} does not exist`);
    return one;
  };
  return {
    urls: replicas.map(({ url }) => url),
    stack,
    replica,
    kill: (number) => replica(number).kill(),
    async restart(number) {
      replicas[number] = await start(Number(new URL(replica(number).url).port));
    },
    async stop() {
      await Promise.all(replicas.map((one) => one.kill()));
      await stack.stop();
    },
  };
}
