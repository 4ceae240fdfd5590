import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { OutboxRelay } from '#kit/messaging/outbox-relay';
import type { Database } from '#kit/mysql/database';

/** What the use cases need. `main.ts` builds it for the process, tests build it for themselves. */
export interface NotificationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: OutboxRelay;
  readonly tokens: TokenVerifier;
  readonly nextId: () => Promise<string>;
  /** How long notifications are collected for one digest mail. */
  readonly digestSeconds: number;
  /** The public address of the system, without a trailing slash. */
  readonly publicUrl: string;
}
