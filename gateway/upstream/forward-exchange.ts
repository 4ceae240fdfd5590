import type { DownstreamServices, Exchange } from '../downstream/exchange';
import type { ForwardDecision } from '../model/decision';
import type { DataPlaneLimits } from '../model/limits';
import type { UpstreamPool } from './pool';

/** What the upstream side needs of the data plane. */
export interface UpstreamServices extends DownstreamServices {
  readonly limits: DataPlaneLimits;
  readonly pool: UpstreamPool;
}

/** An exchange whose request is forwarded to an instance. */
export interface ForwardExchange extends Exchange {
  readonly decision: ForwardDecision;
  readonly dataPlane: UpstreamServices;
}
