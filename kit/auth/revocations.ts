import { SessionRevoked, TokenRevoked, UserTokensRevoked } from '#contracts/events/auth';
import { type ListRevocationsResponse, Revocation_Kind } from '#contracts/gen/auth/v1/auth';
import { InvalidMessage, type MessageOf, parseEnvelope } from '#contracts/messages';
import { retryForever } from '../core/back-off';
import { repeatEvery } from '../core/repeat';
import { type Runtime, withTimeout } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import type { Rabbit } from '../messaging/rabbit/client';
import { declareRoute } from '../messaging/rabbit/topology';
import type { InstanceDirectory } from '../registry/instances';
import type { Denylist, Revocation } from './denylist';

const EVENTS = [TokenRevoked, SessionRevoked, UserTokensRevoked] as const;
/** What holds even while RabbitMQ is away. */
const RELOAD_EVERY_MS = 30_000;
/** A process that starts has the list after some milliseconds where auth is there at all. */
const FIRST_LIST_MS = 2_000;

/** Whether a token is refused before its time. */
export type IsRevoked = (caller: Parameters<Denylist['isRevoked']>[0]) => boolean | Promise<boolean>;

/**
 * Tells this process's memory of every revocation. Events come through a queue of this process alone, which lives as
 * long as its connection; the whole list is read once that queue is bound, at every new connection, and every 30 s, so
 * that nothing is missed in between.
 *
 * @param load answers all that is revoked now, from auth's record; its failures are tried again
 * @returns asks that memory. Before the whole list has been read once it waits for it, and after two seconds throws
 *   DependencyUnavailable: a process that has just started must not believe what all others refuse
 */
export function followRevocations(
  runtime: Runtime,
  rabbit: Rabbit,
  denylist: Denylist,
  load: () => Promise<readonly Revocation[]>,
): IsRevoked {
  const { closing, log } = runtime;
  const firstList = Promise.withResolvers<void>();
  let isKnown = false;
  let away = false;

  const loadOnce = () =>
    retryForever(load, {
      signal: closing,
      capMs: 2_000,
      onFailure: (failure) => {
        if (!away)
          log.warn({ err: String(failure) }, 'revocations cannot be read; trying again until they can');
        away = true;
      },
    }).then(
      (revocations) => {
        away = false;
        for (const revocation of revocations) denylist.add(revocation);
        isKnown = true;
        firstList.resolve();
      },
      // Only the end of the process stops the attempts.
      () => undefined,
    );

  const kept = rabbit.openChannel('RabbitMQ revocations', async (channel) => {
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
    for (const event of EVENTS) {
      await declareRoute(channel, event);
      await channel.bindQueue(queue, event.exchange, event.routingKey);
    }
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return void channel.close().catch(() => undefined);
        const revocation = read(message.content);
        if (revocation === undefined) log.warn('a revocation that cannot be understood was left out');
        else denylist.add(revocation);
      },
      { noAck: true },
    );
    void loadOnce();
  });
  runtime.onClose('revocations', () => kept.close());
  repeatEvery(runtime, 'loading revocations', { everyMs: RELOAD_EVERY_MS }, loadOnce);

  return (caller) => (isKnown ? denylist.isRevoked(caller) : afterFirstList(caller));

  async function afterFirstList(caller: Parameters<IsRevoked>[0]): Promise<boolean> {
    await withTimeout(firstList.promise, FIRST_LIST_MS, 'waiting for the list of revoked tokens').catch(
      (cause: unknown) => {
        throw new DependencyUnavailable({
          detail: 'Tokens cannot be checked until the auth service answers.',
          headers: { 'retry-after': '2' },
          cause,
        });
      },
    );
    return denylist.isRevoked(caller);
  }
}

/**
 * Reads the whole list from the auth service, for `followRevocations`.
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
      // A kind that a newer auth service has introduced: only its own verification knows it.
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

function read(bytes: Buffer): Revocation | undefined {
  try {
    return revocationOf(parseEnvelope(EVENTS, bytes));
  } catch (failure) {
    if (failure instanceof InvalidMessage) return undefined;
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
