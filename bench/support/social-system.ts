import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Generator, startGenerator } from './generator/client';
import { type Member, signInAll } from './members';
import type { Network } from './network';
import { populate } from './population';
import { type RunningSystem, startProcesses, startServers } from './system';

/** The processes that reading and writing posts takes, with everything that consumes their events and jobs. */
const PROCESSES = [
  ...['registry', 'gateway', 'auth', 'users', 'timelines', 'likes', 'media', 'notifications'],
  ...['posts', 'fanout', 'likes-validation', 'likes-notification', 'notifications-worker'],
];

/** A running system with people in it. */
export interface SocialSystem {
  readonly system: RunningSystem;
  readonly generator: Generator;
  /** Signs people in. */
  signIn(people: readonly number[]): Promise<Member[]>;
}

/**
 * Starts servers, writes a network into them unless they have it from an earlier run, starts the processes, and runs `work`
 * with them; everything is stopped afterwards. PROCESSES=all starts the whole Procfile.
 *
 * @param options.kept a folder to keep the data in
 * @param options.processes others than those that posts take
 * @param options.environment settings of every process
 */
export async function withSocialSystem(
  network: Network,
  options: {
    kept: string | undefined;
    postsEach: number;
    processes?: readonly string[];
    environment?: Record<string, string>;
  },
  work: (running: SocialSystem) => Promise<void>,
): Promise<void> {
  const servers = await startServers({ kept: options.kept });
  let system: RunningSystem | undefined;
  let generator: Generator | undefined;
  try {
    const { folder, stack } = servers;
    await populateOnce(join(folder, 'population'), stack.environment, { network, ...options });
    system = await startProcesses(servers, {
      names: process.env.PROCESSES === 'all' ? undefined : (options.processes ?? PROCESSES),
      ...(options.environment !== undefined && { environment: options.environment }),
    });
    generator = startGenerator(folder);
    await work({ system, generator, signIn: (people) => signInAll(stack, network, people) });
  } finally {
    await generator?.stop();
    await system?.stop();
    await servers.stop();
  }
}

async function populateOnce(
  marker: string,
  environment: Readonly<Record<string, string>>,
  { network, postsEach }: { network: Network; postsEach: number },
): Promise<void> {
  const content = `${network.name}, ${postsEach} posts each\n`;
  console.log(content.trim());
  if (existsSync(marker)) {
    const kept = readFileSync(marker, 'utf8');
    if (kept !== content) throw new Error(`The folder in KEEP has other data: ${kept.trim()}`);
    return;
  }
  const startedMs = performance.now();
  await populate(environment, network, { postsEach });
  writeFileSync(marker, content);
  console.log(`Loaded in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
}
