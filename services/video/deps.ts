import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Catalogue } from './catalogue';
import type { Failures } from './model';

export interface VideoDeps {
  readonly runtime: Runtime;
  readonly tokens: TokenVerifier;
  readonly catalogue: Catalogue;
  /** The failure simulation, set by `PUT /videos/failures`. */
  failures: Failures;
}
