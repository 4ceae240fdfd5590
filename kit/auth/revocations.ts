import type { ConsumeMessage } from 'amqplib';
import { SessionRevoked, TokenRevoked, UserTokensRevoked } from '#contracts/events/auth';
import { type ListRevocationsResponse, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import { InvalidMessage, type MessageOf, parseEnvelope } from '#contracts/messages';
import { retryForever } from '../core/back-off';
import { repeatEvery } from '../core/repeat';
import { type Runtime, withTimeout } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { ForgedMessage } from '../messaging/publishers';
import type { Rabbit } from '../messaging/rabbit/client';
import { type PublisherCheck, publisherCheck } from '../messaging/rabbit/publisher-check';
import { declareRoute, REVOCATIONS_EXCHANGE } from '../messaging/rabbit/topology';
import type { InstanceDirectory } from '../registry/instances';
import type { Denylist, Revocation } from './denylist';

const EVENTS = [TokenRevoked, SessionRevoked, UserTokensRevoked] as const;
/** Bounds the delay of a revocation while RabbitMQ is unavailable. */
const RELOAD_EVERY_MS = 30_000;
/** A starting process has the list after a few milliseconds if auth is available at all. */
const FIRST_LOAD_TIMEOUT_MS = 2_000;

/** Whether a token has been revoked. */
export type IsRevoked = (caller: Parameters<Denylist['isRevoked']>[0]) => boolean | Promise<boolean>;

/**
 * Adds every revocation to the denylist of this process. Events arrive through an exclusive queue, which lives as long as
 * its connection; the whole list is loaded once that queue is bound, after every reconnect, and every 30 s, so that
 * nothing is missed in between.
 *
 * @param load returns all current revocations from the auth service; failures are retried
 * @returns looks a token up. Before the first load it waits for that, and throws DependencyUnavailable after two seconds:
 *   a process that has just started must not accept a token that all others reject
 */
export function followRevocations(
  runtime: Runtime,
  rabbit: Rabbit,
  denylist: Denylist,
  load: () => Promise<readonly Revocation[]>,
): IsRevoked {
  const { closing, log } = runtime;
  const publishers = publisherCheck(runtime.identity, rabbit);
  const firstLoad = Promise.withResolvers<void>();
  let isLoaded = false;
  let unavailable = false;

  const loadOnce = () =>
    retryForever(load, {
      signal: closing,
      capMs: 2_000,
      onFailure: (failure) => {
        if (!unavailable) log.warn({ err: String(failure) }, 'Revocations cannot be loaded; retrying');
        unavailable = true;
      },
    }).then(
      (revocations) => {
        unavailable = false;
        for (const revocation of revocations) denylist.add(revocation);
        isLoaded = true;
        firstLoad.resolve();
      },
      // Only shutdown ends the retries.
      () => undefined,
    );

  const events = rabbit.openChannel('The RabbitMQ channel for revocations', async (channel) => {
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
    for (const event of EVENTS) {
      if (!rabbit.isOwnUser) await declareRoute(channel, event);
      const exchange = rabbit.isOwnUser ? REVOCATIONS_EXCHANGE : event.exchange;
      await channel.bindQueue(queue, exchange, event.routingKey);
    }
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return void channel.close().catch(() => undefined);
        const revocation = read(message, publishers);
        if (revocation === undefined) log.warn('Skipped an invalid or forged revocation event');
        else denylist.add(revocation);
      },
      { noAck: true },
    );
    void loadOnce();
  });
  runtime.onClose('revocations', () => events.close());
  repeatEvery(runtime, 'loading revocations', { everyMs: RELOAD_EVERY_MS }, loadOnce);

  return (caller) => (isLoaded ? denylist.isRevoked(caller) : afterFirstLoad(caller));

  async function afterFirstLoad(caller: Parameters<IsRevoked>[0]): Promise<boolean> {
    await withTimeout(firstLoad.promise, FIRST_LOAD_TIMEOUT_MS, 'loading revocations').catch(
      (cause: unknown) => {
        throw new DependencyUnavailable({
          detail: 'Access tokens cannot be verified while the auth service is unavailable.',
          headers: { 'retry-after': '2' },
          cause,
        });
      },
    );
    return denylist.isRevoked(caller);
  }
}

/**
 * Loads all revocations from the auth service, for `followRevocations`.
 *
 * @param listRevocations the auth service's method of that name
 */
export function revocationsFromAuth(
  directory: InstanceDirectory,
  listRevocations: () => Promise<ListRevocationsResponse>,
): () => Promise<Revocation[]> {
  return async () => {
    if (directory.instances('auth').length === 0) throw new Error('No auth instance is registered');
    const { revocations } = await listRevocations();
    return revocations.flatMap(({ kind, subject, issued_until, expires_at }) => {
      const known = KINDS.get(kind);
      // A kind that a newer auth service has introduced: only its own verifier knows it.
      if (known === undefined) return [];
      return [{ kind: known, subject, issuedUntil: issued_until, expiresAt: expires_at }];
    });
  };
}

const KINDS = new Map<Revocation_Kind, Revocation['kind']>([
  [Revocation_Kind.KIND_TOKEN, 'token'],
  [Revocation_Kind.KIND_SESSION, 'session'],
  [Revocation_Kind.KIND_USER, 'user'],
]);

function read(message: ConsumeMessage, publishers: PublisherCheck): Revocation | undefined {
  try {
    publishers.require(message, TokenRevoked);
    return revocationOf(parseEnvelope(EVENTS, message.content));
  } catch (failure) {
    if (failure instanceof InvalidMessage || failure instanceof ForgedMessage) return undefined;
    throw failure;
  }
}

function revocationOf(message: MessageOf<(typeof EVENTS)[number]>): Revocation {
  const expiresAt = message.data.expires_at;
  switch (message.name) {
    case 'token.revoked':
      return { kind: 'token', subject: message.data.token_id, issuedUntil: 0, expiresAt };
    case 'session.revoked':
      return { kind: 'session', subject: message.data.session_id, issuedUntil: 0, expiresAt };
    case 'user.tokens-revoked':
      return {
        kind: 'user',
        subject: message.data.user_id,
        issuedUntil: message.data.issued_until,
        expiresAt,
      };
  }
}
