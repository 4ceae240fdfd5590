import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';

export interface PaymentsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
  /** The outbox relay, woken after each commit that writes to the outbox. */
  readonly outbox: { wake(): void };
}
