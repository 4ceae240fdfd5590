import { Type } from '@sinclair/typebox';
import { AggregateVersion, defineEvent, Uuid } from '#contracts/messages';

/**
 * Credentials on their way from users to auth, on a routing key only auth is bound to. `sealed` is a compact JWE
 * (RFC 7516) around the argon2id hash, so that neither the broker nor a queue's reader learns it. Written to the
 * outbox with `erasePayload`, so that nothing of it stays there once it has arrived.
 */
export const AuthCredentialsSet = defineEvent({
  name: 'auth.credentials-set',
  version: 1,
  exchange: 'users',
  routingKey: 'private.auth.credentials',
  consumers: ['auth'],
  data: Type.Object({
    user_id: Uuid,
    username: Type.String({ minLength: 1, maxLength: 30 }),
    email: Type.String({ maxLength: 320 }),
    version: AggregateVersion,
    sealed: Type.String({ maxLength: 8192, pattern: '^[A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]*){4}$' }),
  }),
});

/** A person's new address to sign in with, where the password stays. Private for being personal. */
export const AuthEmailSet = defineEvent({
  name: 'auth.email-set',
  version: 1,
  exchange: 'users',
  routingKey: 'private.auth.email',
  consumers: ['auth'],
  data: Type.Object({ user_id: Uuid, email: Type.String({ maxLength: 320 }), version: AggregateVersion }),
});

/** Seconds since 1970. */
const Seconds = Type.Integer({ minimum: 0 });

/**
 * Access tokens that every process has to refuse from now on. Each process listens with a queue of its own, so nobody
 * is named as consumer: who is not there reads auth's record when it comes. `expires_at` is when no such token can be
 * good any more.
 */
export const TokenRevoked = defineEvent({
  name: 'token.revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ token_id: Uuid, user_id: Uuid, expires_at: Seconds }),
});

/** All access tokens of one session. */
export const SessionRevoked = defineEvent({
  name: 'session.revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ session_id: Uuid, user_id: Uuid, expires_at: Seconds }),
});

/** All access tokens of a person that were issued up to a moment. */
export const UserTokensRevoked = defineEvent({
  name: 'user.tokens-revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ user_id: Uuid, issued_until: Seconds, expires_at: Seconds }),
});
