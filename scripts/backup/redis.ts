import { createClient, RESP_TYPES } from 'redis';
import { authorityOf } from '#kit/core/address';

/** One server that holds keys. */
type Node = ReturnType<typeof connectTo>;

/** A key as Redis serializes it. */
export interface RedisEntry {
  /** Base64. */
  readonly key: string;
  readonly dump: string;
  /** 0: it does not expire. */
  readonly ttlMs: number;
}

/**
 * Keys of which no other store has a copy: likes, with what is still to be sent about them. All others are limits, presence
 * and copies, which their services build again.
 */
const COPIED = /^\{?likes\b/;
const OUTBOX = /\boutbox\b/;
const SCAN_COUNT = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

const connectTo = (url: string) =>
  createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false },
  });

/** Redis, whatever its number of servers. */
export interface RedisStore {
  /** The names of the keys that are copied. */
  names(): AsyncGenerator<Buffer>;
  /** Of these keys. */
  entries(names: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<RedisEntry>;
  /** Holds all writes back, for at most `ms`. */
  pauseWrites(ms: number): Promise<void>;
  resumeWrites(): Promise<void>;
  restore(entry: RedisEntry): Promise<void>;
  version(): Promise<string>;
  close(): void;
}

export const isOutbox = (name: Buffer): boolean => OUTBOX.test(name.toString('latin1'));

/**
 * Connects to every server that holds keys.
 *
 * @param url REDIS_URL: `redis` or `rediss`, of a cluster (`redis+cluster`) or of its Sentinels (`redis+sentinel`) too
 */
export async function openRedisStore(url: string): Promise<RedisStore> {
  const nodes: Node[] = [];
  for (const address of await addressesIn(url)) nodes.push(await connected(address));
  const each = (work: (node: Node) => Promise<unknown>) => Promise.all(nodes.map(work));
  return {
    async *names() {
      for (const node of nodes)
        for await (const keys of node.scanIterator({ COUNT: SCAN_COUNT }))
          for (const key of keys) if (COPIED.test(key)) yield Buffer.from(key);
    },
    async *entries(names) {
      for await (const name of names) {
        const entry = await firstOf(nodes, (node) => entryOf(node, name));
        if (entry !== undefined) yield entry;
      }
    },
    pauseWrites: async (ms) =>
      void (await each((node) => node.sendCommand(['CLIENT', 'PAUSE', String(ms), 'WRITE']))),
    resumeWrites: async () => void (await each((node) => node.sendCommand(['CLIENT', 'UNPAUSE']))),
    async restore({ key, dump, ttlMs }) {
      const command = [
        'RESTORE',
        Buffer.from(key, 'base64'),
        String(ttlMs),
        Buffer.from(dump, 'base64'),
        'REPLACE',
      ];
      await firstOf(nodes, (node) => node.sendCommand(command).then(() => true));
    },
    version: async () => /redis_version:(\S+)/.exec((await nodes[0]?.info('server')) ?? '')?.[1] ?? 'unknown',
    close: () => {
      for (const node of nodes) node.destroy();
    },
  };
}

async function connected(url: string): Promise<Node> {
  const node = connectTo(url);
  node.on('error', () => undefined);
  await node.connect();
  return node;
}

async function entryOf(node: Node, name: Buffer): Promise<RedisEntry | undefined> {
  const raw = node.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const [dump, ttlMs] = await Promise.all([
    raw.sendCommand<Buffer | null>(['DUMP', name]),
    node.sendCommand<number>(['PTTL', name]),
  ]);
  if (dump === null) return undefined;
  return { key: name.toString('base64'), dump: dump.toString('base64'), ttlMs: Math.max(0, Number(ttlMs)) };
}

/** The reply of the node that has the key: in a cluster the others name it. */
async function firstOf<Result>(
  nodes: readonly Node[],
  work: (node: Node) => Promise<Result>,
): Promise<Result> {
  let failure: unknown = new Error('Redis has no node for this key');
  for (const node of nodes)
    try {
      return await work(node);
    } catch (moved) {
      if (!(moved instanceof Error && /^MOVED /.test(moved.message))) throw moved;
      failure = moved;
    }
  throw failure;
}

/** The URLs of all masters. */
async function addressesIn(url: string): Promise<string[]> {
  const [, secure = '', kind] = /^redis(s?)\+(cluster|sentinel):/.exec(url) ?? [];
  if (kind === undefined) return [url];
  const listed = url.split(/,(?=rediss?\+)/);
  const first = new URL((listed[0] ?? '').trim().replace(/^redis(s?)\+\w+:/, 'http:'));
  const at = (host: string, port: string | number) => {
    const address = new URL(`http://${authorityOf(host, Number(port))}`);
    address.username = first.username;
    address.password = first.password;
    return address.href.replace(/^http:/, `redis${secure}:`).replace(/\/$/, '');
  };
  const asked = await connected(
    kind === 'cluster'
      ? at(first.hostname.replace(/^\[|\]$/g, ''), first.port || 6379)
      : `redis${secure}://${first.host}`,
  );
  try {
    if (kind === 'sentinel') {
      const master = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', first.pathname.slice(1)];
      const [host = '', port = ''] = (await asked.sendCommand<string[] | null>(master)) ?? [];
      return [at(host, port)];
    }
    const nodes = String(await asked.sendCommand(['CLUSTER', 'NODES']));
    return nodes.split('\n').flatMap((line) => {
      const [, address = '', flags = ''] = line.split(' ');
      const [, host = '', port = ''] = /^(.*):(\d+)@/.exec(address) ?? [];
      return flags.split(',').includes('master') && !flags.includes('fail') ? [at(host, port)] : [];
    });
  } finally {
    asked.destroy();
  }
}
