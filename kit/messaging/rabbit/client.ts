import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { credentialsOf } from '../../config/urls';
import { keepConnected, type Reconnecting } from '../../core/reconnect';
import { type Runtime, TimedOut, withTimeout } from '../../core/runtime';
import { DependencyUnavailable } from '../../errors/problem';
import { observeServers } from '../server-metrics';
import {
  closeChannel,
  closeConnection,
  destroySocket,
  endOf,
  type NodeConnection,
  nodesOf,
} from './connection';
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
 * @param options.timeoutMs how long the broker may take to respond; by default 5,000 to confirm a message, 10,000 to declare queues
 */
export function openRabbit(
  runtime: Runtime,
  options: { urls: readonly string[]; required: boolean; timeoutMs?: number },
): Rabbit {
  const { urls, timeoutMs } = options;
  const confirmTimeoutMs = timeoutMs ?? CONFIRM_TIMEOUT_MS;
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
      async open(signal) {
        const opened = await openedUnless(signal, connection);
        return attachChannel(opened.connection, prepare, {
          timeoutMs: timeoutMs ?? DECLARE_TIMEOUT_MS,
          onSilence: () => leaveNode(opened),
        });
      },
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
        onUnconfirmed: (why) => {
          if (why === 'nack') void closeChannel(channel);
          else if (connection.current !== undefined) leaveNode(connection.current);
        },
      }),
      apart,
    ),
    declared: new Map<string, Promise<void>>(),
  }));

  function requireConnection(): ChannelModel {
    if (connection.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
    return connection.current.connection;
  }

  /** A node that responds to heartbeats alone may be cut off from the others, and not know it yet. */
  function leaveNode({ node, isBlocked, connection: left }: NodeConnection): void {
    if (nodes.names.length === 1 || isBlocked || connection.current?.connection !== left) return;
    runtime.log.warn({ node }, 'The node of RabbitMQ does not respond; connecting to another');
    destroySocket(left);
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
  { timeoutMs, onSilence }: { timeoutMs: number; onSilence: () => void },
) {
  const opening = connection.createConfirmChannel();
  const preparing = opening.then(async (channel) => {
    const ended = endOf(channel);
    return { resource: { channel, prepared: await prepare(channel) }, ended };
  });
  try {
    return await withTimeout(preparing, timeoutMs, 'preparing a channel');
  } catch (failure) {
    if (failure instanceof TimedOut) onSilence();
    await withTimeout(opening.then(closeChannel), CLOSE_TIMEOUT_MS, 'closing a channel').catch(
      () => undefined,
    );
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
