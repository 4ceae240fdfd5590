import { Socket } from 'node:net';
import { type Channel, type ChannelModel, type ConfirmChannel, connect, credentials } from 'amqplib';
import { withoutBrackets } from '../../config/hosts';
import { credentialsOf } from '../../config/urls';
import { authorityOf } from '../../core/address';
import { type Runtime, withTimeout } from '../../core/runtime';
import { writeTogether } from './write-together';

/** A connection to one node. */
export interface NodeConnection {
  readonly connection: ChannelModel;
  /** `host:port` of the node */
  readonly node: string;
  /** The broker is short of memory or disk (an alarm of any node blocks all) and reads nothing that this connection sends. */
  isBlocked: boolean;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** To one of several nodes. */
const FAIL_OVER_MS = 2_000;
/** A quarter of RabbitMQ's default of 60 s: a dead broker is detected within 30 s. */
const HEARTBEAT_SECONDS = 15;
/**
 * To one of several nodes: detected after two to three intervals, 6 s at most. RabbitMQ warns of false positives below 5 s; here
 * one costs a reconnect.
 */
const FAIL_OVER_HEARTBEAT_SECONDS = 2;
/** A broker that shuts down at the same moment never confirms, and the library would wait for ever. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Opens connections to the nodes of one RabbitMQ. */
export interface Nodes {
  /** `host:port` of all, in the order of the configuration. */
  readonly names: readonly string[];
  /**
   * Connects to a random node, so that processes that lose a node together spread over the others. The node that was connected last
   * has just been lost, and is tried last.
   *
   * @throws the failure of the last one tried when none is available
   */
  open(): Promise<{ resource: NodeConnection; ended: Promise<unknown> }>;
}

/** @param urls `amqp://user:password@host:port/vhost`, one or those of a cluster */
export function nodesOf(runtime: Runtime, urls: readonly string[]): Nodes {
  const failedAt = new Map<string, number>();
  return {
    names: urls.map(nodeName),
    async open() {
      let failure: unknown;
      for (const url of nodeOrder(urls, failedAt, performance.now()))
        try {
          const opened = await openNode(runtime, url, urls.length > 1);
          void opened.ended.then(() => failedAt.set(url, performance.now()));
          return opened;
        } catch (reason) {
          failedAt.set(url, performance.now());
          failure = reason;
        }
      throw failure;
    },
  };
}

/** How long a node is avoided that was lost, or could not be connected to. */
const AVOID_MS = 60_000;

/** The order in which nodes are tried: random, and those that failed lately last, the last one of them at the end. */
export function nodeOrder(
  urls: readonly string[],
  failedAt: ReadonlyMap<string, number>,
  now: number,
): string[] {
  // A failure is later than any number below one, a random one.
  const placeOf = (at: number) => (now - at < AVOID_MS ? 1 + Math.max(0, at) : Math.random());
  const places = new Map(urls.map((url) => [url, placeOf(failedAt.get(url) ?? -AVOID_MS)]));
  return [...urls].sort((one, other) => (places.get(one) ?? 0) - (places.get(other) ?? 0));
}

function nodeName(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return authorityOf(withoutBrackets(hostname), Number(port) || (protocol === 'amqps:' ? 5671 : 5672));
}

async function openNode(runtime: Runtime, url: string, isOneOfSeveral: boolean) {
  const node = nodeName(url);
  const address = new URL(url);
  const heartbeat = isOneOfSeveral ? FAIL_OVER_HEARTBEAT_SECONDS : HEARTBEAT_SECONDS;
  if (!address.searchParams.has('heartbeat')) address.searchParams.set('heartbeat', String(heartbeat));
  const connection: ChannelModel = await connect(address.href, {
    timeout: isOneOfSeveral ? FAIL_OVER_MS : CONNECT_TIMEOUT_MS,
    ...brokerCredentials(url),
    clientProperties: { connection_name: runtime.name },
  });
  writeTogether(connection);
  const resource: NodeConnection = { connection, node, isBlocked: false };
  connection.on('blocked', (reason) => {
    resource.isBlocked = true;
    runtime.log.warn({ reason, node }, 'RabbitMQ blocks publishers');
  });
  connection.on('unblocked', () => {
    resource.isBlocked = false;
    runtime.log.info({ node }, 'RabbitMQ accepts messages again');
  });
  // The library only half-closes the socket, which a node that hangs never acknowledges.
  connection.once('close', () => setTimeout(() => destroySocket(connection), CLOSE_TIMEOUT_MS).unref());
  if (isOneOfSeveral) runtime.log.info({ node }, 'Connected to a node of RabbitMQ');
  return { resource, ended: endOf(connection) };
}

/**
 * The credentials in a URL as an option of the AMQP library, which would decode them as Latin-1 instead of UTF-8. Without
 * credentials in the URL, the library uses guest's.
 */
export function brokerCredentials(url: string) {
  const { user, password } = credentialsOf(url);
  return user === '' && password === '' ? {} : { credentials: credentials.plain(user, password) };
}

/** Closes it in good order, or by force when the broker does not take part. */
export async function closeConnection({ connection }: NodeConnection): Promise<void> {
  await withTimeout(connection.close(), CLOSE_TIMEOUT_MS, 'closing the connection').catch(() =>
    destroySocket(connection),
  );
}

/** Closes a channel, which may have closed already. */
export async function closeChannel(channel: Channel): Promise<void> {
  try {
    await channel.close();
  } catch {
    // The library throws when it has been closed, by the broker or with its connection.
  }
}

/** Ends a connection at once, whatever the broker does. */
export function destroySocket({ connection }: ChannelModel): void {
  if ('stream' in connection && connection.stream instanceof Socket) connection.stream.destroy();
}

/** Resolves when it has closed, with its last error if there was one. */
export function endOf(emitter: ChannelModel | ConfirmChannel): Promise<unknown> {
  return new Promise((resolve) => {
    let reason: unknown;
    emitter.once('close', (closeReason?: unknown) => resolve(reason ?? closeReason));
    emitter.on('error', (failure: Error) => {
      reason = failure;
    });
  });
}
