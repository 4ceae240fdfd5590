import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { credentialsOf } from '../../config/urls';
import { keepConnected, type Reconnecting } from '../../core/reconnect';
import { type Runtime, withTimeout } from '../../core/runtime';
import { DependencyUnavailable } from '../../errors/problem';
import { observeServers } from '../server-metrics';
import { closeChannel, closeConnection, destroySocket, endOf, nodesOf } from './connection';
import { CONFIRM_TIMEOUT_MS, isRefusal, PublishRefused, PublishUnavailable, publisherOn } from './publisher';
import { publishApartWhenRefused } from './refused-routes';
import { checkRoute, declareRoute, type EventRoute } from './topology';

export interface Rabbit {
  /** Whether it accepts messages: not while it is short of memory or disk and blocks publishers. */
  readonly connected: boolean;
  /** The user that the broker knows this process by. */
  readonly user: string;
  /**
   * Whether that user is this process alone. It may publish to its own exchanges and read its own queues, all of which are
   * defined at the broker (`infra/broker-definitions.ts`); a shared user declares them itself.
   */
  readonly isOwnUser: boolean;
  /**
   * Publishes an event. Its exchange and the queues of its declared consumers are declared, or checked, first. An event with such
   * consumers is published as mandatory; one without is dropped when no queue is bound.
   *
   * One that the broker refuses does not hold back others: the broker closes the channel of a refused message, so each message
   * that was in flight on it is published again on a channel of its own, as are those of a refused route from then on.
   *
   * @throws PublishUnavailable while RabbitMQ is unavailable
   * @throws PublishRefused when the broker refuses this message
   * @throws PublishFailed unless the broker has confirmed it and not returned it: it has to be published again
   */
  publish(
    route: EventRoute,
    message: { id: string; body: Buffer; headers?: Record<string, string> },
  ): Promise<void>;
  /** Opens a reconnecting channel in confirm mode; `prepare` runs each time it is opened. */
  openChannel<Prepared>(
    what: string,
    prepare: (channel: ConfirmChannel) => Promise<Prepared>,
  ): Reconnecting<{ channel: ConfirmChannel; prepared: Prepared }>;
}

/** RabbitMQ's default. */
const SHARED_USER = 'guest';
/** Declaring a consumer's quorum queues takes tens of milliseconds; a broker that has just started is slower. */
const DECLARE_TIMEOUT_MS = 10_000;
/** A broker that shuts down at the same moment never confirms, and the library would wait for ever. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Opens RabbitMQ. Returns immediately and reconnects for ever; publishing is rejected while it is unavailable. Of a cluster one
 * node is connected, and another within 10 s when that one dies, falls silent (heartbeats) or confirms nothing any more, as one
 * that is cut off from the others.
 *
 * @param options.urls `amqp://user:password@host:port/vhost`, of one node or of those of a cluster
 * @param options.required whether `/readyz` responds with 503 while RabbitMQ is unavailable
 * @param options.confirmTimeoutMs how long the broker may take to confirm a message; 5,000 by default
 */
export function openRabbit(
  runtime: Runtime,
  options: { urls: readonly string[]; required: boolean; confirmTimeoutMs?: number },
): Rabbit {
  const { urls, confirmTimeoutMs = CONFIRM_TIMEOUT_MS } = options;
  const [first = ''] = urls;
  const user = credentialsOf(first).user || SHARED_USER;
  const isOwnUser = user === runtime.identity.name;
  const nodes = nodesOf(runtime, urls);
  const connection = keepConnected({
    what: 'RabbitMQ',
    log: runtime.log,
    open: nodes.open,
    close: closeConnection,
  });

  const openChannel: Rabbit['openChannel'] = (what, prepare) =>
    keepConnected({
      what,
      log: runtime.log,
      open: async (signal) => attachChannel((await openedUnless(signal, connection)).connection, prepare),
      close: ({ channel }) => withTimeout(channel.close(), CLOSE_TIMEOUT_MS, what).catch(() => undefined),
    });

  const apart = {
    refused: new Set<string>(),
    async open() {
      const channel = await requireConnection().createConfirmChannel();
      channel.on('error', () => undefined);
      return {
        publisher: publisherOn(channel, { user, confirmTimeoutMs }),
        close: () => closeChannel(channel),
      };
    },
  };
  const publishing = openChannel('RabbitMQ publisher', async (channel) => ({
    publisher: publishApartWhenRefused(
      publisherOn(channel, {
        ...{ user, confirmTimeoutMs },
        onUnconfirmed: (why) => (why === 'nack' ? void closeChannel(channel) : leaveNode()),
      }),
      apart,
    ),
    declared: new Map<string, Promise<void>>(),
  }));

  function requireConnection(): ChannelModel {
    if (connection.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
    return connection.current.connection;
  }

  /** To a node that confirms nothing: it may be cut off from the others, and not know it yet. */
  function leaveNode(): void {
    if (nodes.names.length === 1 || connection.current === undefined || connection.current.isBlocked) return;
    const { node } = connection.current;
    runtime.log.warn({ node }, 'The node of RabbitMQ confirms nothing; connecting to another');
    destroySocket(connection.current.connection);
  }

  function requirePublishing() {
    if (publishing.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
    if (connection.current?.isBlocked) throw new PublishUnavailable('RabbitMQ blocks publishers');
    return publishing.current;
  }

  /** On a dedicated channel: the broker closes the channel of a failed declaration. */
  async function declare(route: EventRoute): Promise<void> {
    const channel = await requireConnection().createChannel();
    channel.on('error', () => undefined);
    try {
      await withTimeout(
        (isOwnUser ? checkRoute : declareRoute)(channel, route),
        DECLARE_TIMEOUT_MS,
        `declaring ${route.routingKey}`,
      );
    } catch (failure) {
      throw isRefusal(failure) ? new PublishRefused(failure.message, { cause: failure }) : failure;
    } finally {
      await closeChannel(channel);
    }
  }

  runtime.dependency({
    name: 'rabbitmq',
    required: options.required,
    check: async () => {
      // It would not respond to a check.
      if (connection.current?.isBlocked)
        throw new DependencyUnavailable({ detail: 'RabbitMQ is short of memory or disk space.' });
      await requirePublishing().channel.checkExchange('amq.topic');
      return undefined;
    },
  });
  observeServers(runtime, 'rabbitmq', () =>
    nodes.names.map((name) => {
      const connected = connection.current?.node === name;
      return { name, connected, isBlocked: connected && connection.current?.isBlocked === true };
    }),
  );
  runtime.onClose('RabbitMQ', async () => {
    await publishing.close();
    await connection.close();
  });

  return {
    get connected() {
      return publishing.current !== undefined && connection.current?.isBlocked === false;
    },
    user,
    isOwnUser,
    async publish(route, message) {
      const { prepared } = requirePublishing();
      const key = `${route.exchange} ${route.routingKey}`;
      const declared = prepared.declared.get(key) ?? declare(route);
      prepared.declared.set(key, declared);
      try {
        await declared;
        await prepared.publisher.publish({
          exchange: route.exchange,
          routingKey: route.routingKey,
          body: message.body,
          messageId: message.id,
          mandatory: route.consumers.length > 0,
          ...(message.headers && { headers: message.headers }),
        });
      } catch (failure) {
        // A queue or binding may have been removed: declare it again next time.
        prepared.declared.delete(key);
        throw failure;
      }
    },
    openChannel,
  };
}

async function attachChannel<Prepared>(
  connection: ChannelModel,
  prepare: (channel: ConfirmChannel) => Promise<Prepared>,
) {
  const channel = await connection.createConfirmChannel();
  const ended = endOf(channel);
  try {
    const prepared = await withTimeout(prepare(channel), DECLARE_TIMEOUT_MS, 'preparing a channel');
    return { resource: { channel, prepared }, ended };
  } catch (failure) {
    await closeChannel(channel);
    throw failure;
  }
}

/** Waits for a resource so that a channel is opened as soon as its connection is; rejects when the signal aborts. */
async function openedUnless<Resource>(
  signal: AbortSignal,
  reconnecting: Reconnecting<Resource>,
): Promise<Resource> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new Error('The channel was closed'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([reconnecting.opened(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
