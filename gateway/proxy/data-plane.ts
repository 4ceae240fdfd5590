import type { Logger } from '#kit/core/log';
import type { SpanRecorder } from '#kit/core/span';
import type { CrossOrigin } from '../admission/cross-origin';
import type { RateLimits } from '../admission/rate-limits';
import type { ResponseCache } from '../admission/response-cache';
import type { TrustedProxies } from '../downstream/client-origin';
import type { DeadlineClock } from '../downstream/deadlines';
import type { Decide, Own } from '../model/decision';
import type { PlaneLimits } from '../model/limits';
import type { AccessLog } from '../observability/access-log';
import type { UpstreamPool } from '../upstream/pool';

/** What all connections of one listening gateway share. */
export interface Plane {
  readonly decide: Decide;
  readonly own: Own;
  readonly limits: PlaneLimits;
  readonly clock: DeadlineClock;
  readonly pool: UpstreamPool;
  readonly accessLog: AccessLog;
  readonly trusted: TrustedProxies;
  /** Null where pages of other origins are not provided for. */
  readonly crossOrigin: CrossOrigin | null;
  /** Null where requests are not limited. */
  readonly rateLimits: RateLimits | null;
  /** Null where no responses are kept. */
  readonly responseCache: ResponseCache | null;
  /** Null where no spans are made. */
  readonly spans: SpanRecorder | null;
  readonly log: Logger;
  /** The registry's revision that `decide` goes by. */
  revision(): number;
  /** The header line that says by which of the registry's revisions a request is routed. */
  revisionLine(): string;
  /** True from the moment it has been asked to stop: responses then say `Connection: close`. */
  draining(): boolean;
}
