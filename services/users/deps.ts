import type { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import type { NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { Passwords } from '#kit/auth/passwords';
import type { Sealer } from '#kit/auth/sealing';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Flags } from '#kit/flags/flags';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';
import type { DeliverDirectly } from './direct-delivery';

/** What the use cases of the users service need. */
export interface UsersDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly deliverDirectly: DeliverDirectly;
  readonly tokens: TokenVerifier;
  readonly auth: Pick<
    GrpcClient<AuthServiceDefinition>,
    'setCredentials' | 'login' | 'confirmPassword' | 'removeSecondFactors'
  >;
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'listNotifications'>;
  readonly passwords: Passwords;
  /** Encrypts password hashes in outbox messages. */
  readonly sealer: Sealer;
  /** Whose pages may sign in with cookies: the public origin, and those of `CORS_ORIGINS`. */
  readonly trustedOrigins: readonly string[];
  readonly flags: Flags;
  /** Time-ordered ids: the sort keys of follows. */
  readonly nextId: () => Promise<string>;
  /** The gateway's public URL, without a trailing slash: links in mails lead there. */
  readonly publicUrl: string;
}
