import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { OutboxRelay } from '#kit/messaging/outbox-relay';
import type { Database } from '#kit/mysql/database';
import type { FileStorage } from '#kit/storage/file-storage';

export interface ArchivesDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  /** Of archives; not the one of media. */
  readonly storage: FileStorage;
  readonly outbox: OutboxRelay;
  readonly tokens: TokenVerifier;
  /** The largest archive that is accepted for import, in bytes. */
  readonly maxBytes: number;
  /** How long exports and imports are retained. */
  readonly retentionDays: number;
}
