import type { Sealer } from '#kit/auth/sealing';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';

export interface MailDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly tokens: TokenVerifier;
  readonly verifyService: (token: string | undefined) => Promise<string>;
  /** Seals the tokens of unsubscribe links. */
  readonly sealer: Sealer;
  /** The gateway's public URL, without a trailing slash. */
  readonly publicUrl: string;
  /** Longer than sending takes: when a claim expires, its sender must have died and another may send. */
  readonly claimMs: number;
}
