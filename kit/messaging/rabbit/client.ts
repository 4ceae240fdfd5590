import { Socket } from 'node:net';
import { type ChannelModel, type ConfirmChannel, connect, credentials } from 'amqplib';
import { credentialsOf } from '../../config/urls';
import { keepConnected, type Reconnecting } from '../../core/reconnect';
import { type Runtime, withTimeout } from '../../core/runtime';
import { isRefusal, PublishRefused, PublishUnavailable, publisherOn } from './publisher';
import { publishApartWhenRefused } from './refused-routes';
import { checkRoute, declareRoute, type EventRoute } from './topology';

export interface Rabbit {
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
const CONNECT_TIMEOUT_MS = 5_000;
/** A quarter of RabbitMQ's default of 60 s: a dead broker is detected within 30 s. */
const HEARTBEAT_SECONDS = 15;
/** Declaring a consumer's quorum queues takes tens of milliseconds; a broker that has just started is slower. */
const DECLARE_TIMEOUT_MS = 10_000;
/** A broker that shuts down at the same moment never confirms, and the library would wait for ever. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Opens RabbitMQ. Returns immediately and reconnects for ever; publishing is rejected while it is unavailable.
 *
 * @param options.url `amqp://user:password@host:port/vhost`
 * @param options.required whether `/readyz` responds with 503 while RabbitMQ is unavailable
 */
export function openRabbit(runtime: Runtime, options: { url: string; required: boolean }): Rabbit {
  const user = credentialsOf(options.url).user || SHARED_USER;
  const isOwnUser = user === runtime.identity.name;
  const connection = keepConnected({
    what: 'RabbitMQ',
    log: runtime.log,
    open: () => openConnection(runtime, options.url),
    close: closeConnection,
  });

  const openChannel: Rabbit['openChannel'] = (what, prepare) =>
    keepConnected({
      what,
      log: runtime.log,
      open: async (signal) => attachChannel(await openedUnless(signal, connection), prepare),
      close: ({ channel }) => withTimeout(channel.close(), CLOSE_TIMEOUT_MS, what).catch(() => undefined),
    });

  const apart = {
    refused: new Set<string>(),
    async open() {
      const channel = await requireConnection().createConfirmChannel();
      channel.on('error', () => undefined);
      return {
        publisher: publisherOn(channel, user),
        // A channel that the broker has closed throws.
        close: async () => channel.close().catch(() => undefined),
      };
    },
  };
  const publishing = openChannel('RabbitMQ publisher', async (channel) => ({
    publisher: publishApartWhenRefused(publisherOn(channel, user), apart),
    declared: new Map<string, Promise<void>>(),
  }));

  function requireConnection(): ChannelModel {
    if (connection.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
    return connection.current;
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
      await channel.close().catch(() => undefined);
    }
  }

  runtime.dependency({
    name: 'rabbitmq',
    required: options.required,
    check: async () => {
      if (publishing.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
      await publishing.current.channel.checkExchange('amq.topic');
      return undefined;
    },
  });
  runtime.onClose('RabbitMQ', async () => {
    await publishing.close();
    await connection.close();
  });

  return {
    get connected() {
      return publishing.current !== undefined;
    },
    user,
    isOwnUser,
    async publish(route, message) {
      if (publishing.current === undefined) throw new PublishUnavailable('RabbitMQ is not connected');
      const { prepared } = publishing.current;
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

/**
 * The credentials in a URL as an option of the AMQP library, which would decode them as Latin-1 instead of UTF-8. Without
 * credentials in the URL, the library uses guest's.
 */
export function brokerCredentials(url: string) {
  const { user, password } = credentialsOf(url);
  return user === '' && password === '' ? {} : { credentials: credentials.plain(user, password) };
}

async function openConnection(runtime: Runtime, url: string) {
  const address = new URL(url);
  if (!address.searchParams.has('heartbeat'))
    address.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  const opened: ChannelModel = await connect(address.href, {
    timeout: CONNECT_TIMEOUT_MS,
    ...brokerCredentials(url),
    clientProperties: { connection_name: runtime.name },
  });
  opened.on('blocked', (reason) => runtime.log.warn({ reason }, 'RabbitMQ blocks publishers'));
  opened.on('unblocked', () => runtime.log.info('RabbitMQ accepts messages again'));
  return { resource: opened, ended: endOf(opened) };
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
    await channel.close().catch(() => undefined);
    throw failure;
  }
}

async function closeConnection(open: ChannelModel): Promise<void> {
  await withTimeout(open.close(), CLOSE_TIMEOUT_MS, 'closing the connection').catch(() => {
    const { connection } = open;
    if ('stream' in connection && connection.stream instanceof Socket) connection.stream.destroy();
  });
}

/** Resolves when it has closed, with its last error if there was one. */
function endOf(emitter: ChannelModel | ConfirmChannel): Promise<unknown> {
  return new Promise((resolve) => {
    let reason: unknown;
    emitter.once('close', (closeReason?: unknown) => resolve(reason ?? closeReason));
    emitter.on('error', (failure: Error) => {
      reason = failure;
    });
  });
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
