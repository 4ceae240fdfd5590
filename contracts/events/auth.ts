import { Type } from '@sinclair/typebox';
import { AggregateVersion, defineEvent, Uuid } from '#contracts/messages';

/**
 * Credentials sent from users to auth, on a routing key that only auth is bound to. `sealed` is a compact JWE (RFC 7516) of
 * the argon2id hash, which neither the broker nor other consumers can read. The outbox
 * keeps no copy of what it has delivered.
 */
export const AuthCredentialsSet = defineEvent({
  name: 'auth.credentials-set',
  version: 1,
  exchange: 'users',
  routingKey: 'private.auth.credentials',
  consumers: ['auth'],
  personal: true,
  data: Type.Object({
    user_id: Uuid,
    username: Type.String({ minLength: 1, maxLength: 30 }),
    email: Type.String({ maxLength: 320 }),
    version: AggregateVersion,
    sealed: Type.String({ maxLength: 8192, pattern: '^[A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]*){4}$' }),
  }),
});

/** A user has changed the email address they sign in with. On a private routing key, because it is personal data. */
export const AuthEmailSet = defineEvent({
  name: 'auth.email-set',
  version: 1,
  exchange: 'users',
  routingKey: 'private.auth.email',
  consumers: ['auth'],
  personal: true,
  data: Type.Object({ user_id: Uuid, email: Type.String({ maxLength: 320 }), version: AggregateVersion }),
});

/** Seconds since 1970. */
const Seconds = Type.Integer({ minimum: 0 });

/**
 * One access token is revoked. Every process consumes this with an exclusive queue, so there are no declared consumers:
 * a process that starts later loads all revocations from auth. `expires_at` is when the token has expired.
 */
export const TokenRevoked = defineEvent({
  name: 'token.revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ token_id: Uuid, user_id: Uuid, expires_at: Seconds }),
});

/** All access tokens of a session are revoked. */
export const SessionRevoked = defineEvent({
  name: 'session.revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ session_id: Uuid, user_id: Uuid, expires_at: Seconds }),
});

/** All access tokens of a user issued up to `issued_until` are revoked. */
export const UserTokensRevoked = defineEvent({
  name: 'user.tokens-revoked',
  version: 1,
  exchange: 'auth',
  data: Type.Object({ user_id: Uuid, issued_until: Seconds, expires_at: Seconds }),
});
