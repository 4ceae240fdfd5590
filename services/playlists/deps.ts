import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';

export interface Videos {
  /**
   * @throws UnknownVideo when an id names no video
   * @throws VideosUnavailable when the video service did not respond in time
   */
  requireAll(ids: readonly string[]): Promise<void>;
}

export interface PlaylistsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
  readonly videos: Videos;
}
