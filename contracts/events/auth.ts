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
