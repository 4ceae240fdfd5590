import type { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';

export interface PaymentsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
  /** The outbox relay, woken after each commit that writes to the outbox. */
  readonly outbox: { wake(): void };
  readonly accounts: Pick<GrpcClient<AccountsServiceDefinition>, 'getAccount'>;
  /** The payment method of a payment that names none. */
  readonly defaultMethod: string;
  /** The secrets of which one signs the provider's webhook events; empty: there is no webhook. */
  readonly webhookSecrets: readonly string[];
}
