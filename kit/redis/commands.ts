import type { Client, Listener } from './connection';
import { shareSlot } from './slots';

/** Commands whose first argument is a key, or keys that share a slot. */
const KEYED = [
  ...([
    'del',
    'exists',
    'expire',
    'get',
    'hDel',
    'hGetAll',
    'hmGet',
    'lRange',
    'objectEncoding',
    'pTTL',
  ] as const),
  ...(['set', 'ttl', 'unlink', 'zAdd', 'zCard', 'zRange', 'zRangeWithScores', 'zRem', 'zScan'] as const),
  ...(['restore', 'zRemRangeByScore'] as const),
] as const;
/** Commands whose second argument has the keys. */
const SCRIPTED = ['eval', 'evalSha'] as const;
const COMMANDS = [...KEYED, ...SCRIPTED] as const;

export type RedisCommands = Pick<Client, (typeof COMMANDS)[number]>;
export type Scripting = Pick<Client, (typeof SCRIPTED)[number]>;

/** Redis as the services see it: one server, the master that Sentinels name, or a cluster. */
export interface Redis extends RedisCommands {
  /** Every server that is needed is connected. While one is not, commands that need it fail immediately. */
  readonly isReady: boolean;
  /**
   * Whether keys are spread over servers. Then the keys of one call share a slot, channels are those of a shard, and only
   * replies of the server of a channel are in order with its messages.
   */
  readonly isCluster: boolean;
  /** Every server replies. */
  ping(): Promise<void>;
  /** Resolves when everything that was published on the channel before the call has been received, or never will be. */
  catchUp(channel: string): Promise<void>;
  publish(channel: string, message: string): Promise<unknown>;
  /** One listener a channel. Rejects while Redis is unavailable; it is subscribed whenever it is not. */
  subscribe(channel: string, listener: Listener): Promise<void>;
  unsubscribe(channel: string): void;
  /** The keys of all servers, in batches. A key may come twice. */
  scanIterator(options: { MATCH: string; COUNT?: number }): AsyncGenerator<string[]>;
  zScanIterator(
    key: string,
    options?: { COUNT?: number },
  ): AsyncGenerator<{ value: string; score: number }[]>;
  /**
   * What the names of keys begin with (before a colon) that are to be on one server: the name itself on a server, where keys
   * are called so since the first version, and the name as a hash tag in a cluster.
   */
  family(name: string): string;
  /** Items whose keys may be in one call: all on one server, those of one slot in a cluster. */
  groups<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][];
  /** For the keys of one of these groups. */
  readonly ofGroup: Scripting;
  /** Calls the listener when messages of a channel may have been missed. */
  onLost(listener: () => void): void;
  /** Calls the listener when channels are received again. */
  onReady(listener: () => void): void;
}

/** As it was opened; who opens it closes it. */
export interface ClosableRedis extends Redis {
  close(): void;
}

/** Runs a command where its keys are. */
export type Route = <Reply>(
  keys: readonly string[],
  command: (client: Client) => Promise<Reply>,
) => Promise<Reply>;

/** A command of the client, of which only the keys matter here. */
type AnyCommand = (...args: unknown[]) => Promise<unknown>;

/** The commands of the client, each of which is routed by its keys. */
export function routedCommands(route: Route): RedisCommands {
  const commands: Record<string, AnyCommand> = {};
  for (const name of COMMANDS) {
    const keysOf = SCRIPTED.some((scripted) => scripted === name) ? keysOfScript : keysOfFirst;
    commands[name] = (...args) =>
      route(keysOf(args), (client) => (client[name] as AnyCommand).apply(client, args));
  }
  return commands as unknown as RedisCommands;
}

const keysOfFirst = ([keys]: readonly unknown[]): readonly string[] =>
  typeof keys === 'string' ? [keys] : (keys as readonly string[]);

const keysOfScript = ([, options]: readonly unknown[]): readonly string[] =>
  (options as { keys: readonly string[] }).keys;

/**
 * Rejects calls that a cluster would reject, on one server as well, so that no test passes there alone. Also calls without a
 * key: they could go anywhere.
 *
 * @param families names as `Redis.family` has given them without a hash tag
 */
export const checkedRoute =
  (route: Route, families: ReadonlySet<string> = new Set()): Route =>
  (keys, command) => {
    if (keys.length === 1 || (keys.length > 0 && shareSlot(keys.map((key) => taggedKey(key, families)))))
      return route(keys, command);
    return Promise.reject(
      new Error('The keys of a call to Redis must share a hash slot, and be at least one'),
    );
  };

function taggedKey(key: string, families: ReadonlySet<string>): string {
  const family = [...families].find((name) => key.startsWith(`${name}:`));
  return family === undefined ? key : `{${family}}${key.slice(family.length)}`;
}

/** Reads a sorted set in steps. */
export async function* zScanOf(
  commands: Pick<RedisCommands, 'zScan'>,
  key: string,
  options?: { COUNT?: number },
): AsyncGenerator<{ value: string; score: number }[]> {
  let cursor = '0';
  do {
    const reply = await commands.zScan(key, cursor, options);
    cursor = reply.cursor;
    yield reply.members;
  } while (cursor !== '0');
}

/** Reads the names of the keys of one server in steps. */
export async function* scanOf(
  run: <Reply>(command: (client: Client) => Promise<Reply>) => Promise<Reply>,
  options: { MATCH: string; COUNT?: number },
): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const reply = await run((client) => client.scan(cursor, options));
    cursor = reply.cursor;
    yield reply.keys;
  } while (cursor !== '0');
}
