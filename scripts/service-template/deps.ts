import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';

export interface ExampleItemsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
}
