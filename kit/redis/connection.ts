import { createClient } from 'redis';
import type { ServerAddress } from '../config/hosts';
import { backOffMs, sleep } from '../core/back-off';
import { withTimeout } from '../core/runtime';
import type { Access } from './address';
import { type ReplyWatch, watchReplies } from './reply-watch';

/** For the connection, the handshake and the subscriptions together. */
export const CONNECT_TIMEOUT_MS = 3_000;
/** Commands waiting for a reply; beyond that they fail immediately instead of filling memory. */
const QUEUE_LENGTH = 10_000;

export type Client = ReturnType<typeof createInnerClient>;
export type Listener = (message: string) => void;

export interface ConnectionOptions {
  /** Finds the server, before every attempt to connect. */
  readonly locate: () => Promise<ServerAddress>;
  /** Rejects a server to which it connected. */
  readonly verify?: (client: Client) => Promise<void>;
  readonly access: Access;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  readonly replyTimeoutMs: number;
  /** Whether channels are those of a cluster's shard (`SSUBSCRIBE`). */
  readonly isSharded: boolean;
  /** Connected, and subscribed again. */
  readonly onReady: () => void;
  /** Not connected any more, or again not. */
  readonly onLost: (failure: unknown) => void;
  /** The server has ended the subscription to a channel, whose slot it does not serve any more. */
  readonly onMoved?: () => void;
}

export interface Connection {
  /** Undefined while it is not connected. */
  readonly client: Client | undefined;
  /** Sends a command. Rejects while it is not connected, and when there is no reply in time. */
  run<Reply>(command: (client: Client) => Promise<Reply>): Promise<Reply>;
  /** Resolves when it is connected. @throws when it is not in time */
  whenReady(timeoutMs: number): Promise<void>;
  /** One listener a channel. Rejects while it is not connected; it is subscribed on every connect. */
  subscribe(channel: string, listener: Listener): Promise<void>;
  unsubscribe(channel: string): void;
  close(): void;
}

export class RedisOffline extends Error {
  constructor() {
    super('Redis is not connected');
  }
}

/** The options of every client: it neither reconnects nor limits the time of a command, which the connection does. */
export const createInnerClient = ({ host, port }: ServerAddress, access: Access, name?: string) =>
  createClient({
    ...(name !== undefined && { name }),
    ...(access.username !== undefined && { username: access.username }),
    ...(access.password !== undefined && { password: access.password }),
    ...(access.database !== undefined && { database: access.database }),
    disableOfflineQueue: true,
    commandsQueueMaxLength: QUEUE_LENGTH,
    commandOptions: { timeout: 0 },
    maintNotifications: 'disabled',
    socket: {
      host,
      port,
      ...(access.tls && { tls: true as const }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: false,
    },
  });

/**
 * One connection to one server, which is opened again for ever with jittered back-off. A client that does not answer is
 * destroyed, which rejects its commands, and replaced.
 */
export function openConnection(options: ConnectionOptions): Connection {
  const listeners = new Map<string, Listener>();
  const closing = new AbortController();
  let client: Client | undefined;
  let watch: ReplyWatch | undefined;
  let ready = Promise.withResolvers<void>();

  const receive = (message: string, channel: string) => listeners.get(channel)?.(message);
  const subscribeClient = (to: Client, channel: string) =>
    options.isSharded ? to.sSubscribe(channel, receive) : to.subscribe(channel, receive);

  async function reconnect(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      try {
        await connectOnce();
        return;
      } catch (failure) {
        if (!closing.signal.aborted) options.onLost(failure);
        await sleep(50 + backOffMs(attempt, { baseMs: 100, capMs: 2_000 }), closing.signal);
      }
    }
  }

  async function connectOnce(): Promise<void> {
    const { access, name, verify, locate } = options;
    const opened = createInnerClient(await locate(), access, name);
    let problem: unknown;
    const failed = (failure: Error) => {
      problem ??= failure;
      fail(opened, failure);
    };
    opened.on('error', failed);
    // The client has unsubscribed: another server serves the slot of the channel now.
    opened.on('sharded-channel-moved', () => options.onMoved?.());
    try {
      await withTimeout(prepare(opened, verify), CONNECT_TIMEOUT_MS, 'connecting to Redis');
      if (problem !== undefined) throw problem;
    } catch (failure) {
      discard(opened);
      throw failure;
    }
    if (closing.signal.aborted) return discard(opened);
    client = opened;
    watch = watchReplies(
      () => opened.ping(),
      options.replyTimeoutMs,
      () => fail(opened, new Error(`Redis did not reply within ${options.replyTimeoutMs} ms`)),
    );
    ready.resolve();
    options.onReady();
  }

  async function prepare(opened: Client, verify: ConnectionOptions['verify']): Promise<void> {
    await opened.connect();
    await verify?.(opened);
    // Also those that are added meanwhile.
    const subscribed = new Set<string>();
    for (;;) {
      const missing = [...listeners.keys()].filter((channel) => !subscribed.has(channel));
      if (missing.length === 0) return;
      await Promise.all(missing.map((channel) => subscribeClient(opened, channel)));
      for (const channel of missing) subscribed.add(channel);
    }
  }

  function fail(failed: Client, failure: unknown): void {
    if (client !== failed) return;
    client = undefined;
    watch?.stop();
    ready = Promise.withResolvers<void>();
    // After the client has rejected its commands with the failure.
    queueMicrotask(() => discard(failed));
    if (closing.signal.aborted) return;
    options.onLost(failure);
    void reconnect();
  }

  void reconnect();
  return {
    get client() {
      return client;
    },
    run(command) {
      if (client === undefined || watch === undefined) return Promise.reject(new RedisOffline());
      watch.hasSent = true;
      return command(client);
    },
    whenReady: (timeoutMs) => withTimeout(ready.promise, timeoutMs, 'connecting to Redis'),
    async subscribe(channel, listener) {
      listeners.set(channel, listener);
      if (client === undefined || watch === undefined) throw new RedisOffline();
      watch.hasSent = true;
      await subscribeClient(client, channel);
    },
    unsubscribe(channel) {
      listeners.delete(channel);
      if (client === undefined) return;
      // With the listener: else a subscription that follows at once would be lost with this one.
      const left = options.isSharded
        ? client.sUnsubscribe(channel, receive)
        : client.unsubscribe(channel, receive);
      // A connection that breaks is subscribed to nothing.
      left.catch(() => undefined);
    },
    close() {
      closing.abort();
      if (client !== undefined) fail(client, new RedisOffline());
    },
  };
}

/** Also when it connects only now. */
function discard(client: Client): void {
  client.removeAllListeners('error');
  client.on('error', () => undefined);
  client.on('connect', () => client.destroy());
  client.destroy();
}
