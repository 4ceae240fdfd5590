import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import type { FileStorage } from '#kit/storage/file-storage';
import type { FileUrls } from './content/file-urls';

export interface MediaDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly storage: FileStorage;
  readonly outbox: { wake(): void };
  readonly tokens: TokenVerifier;
  readonly urls: FileUrls;
  /** Bytes of all files of one user, every version counted. */
  readonly quotaBytes: number;
}
