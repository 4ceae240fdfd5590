import type { DownstreamServices, Exchange } from '../downstream/exchange';
import type { ForwardDecision } from '../model/decision';
import type { ForwardingProofs } from '../model/forwarding-proofs';
import type { DataPlaneLimits } from '../model/limits';
import type { StreamPlaces } from '../model/stream-places';
import type { UpstreamPool } from './pool';

/** What the upstream side needs of the data plane. */
export interface UpstreamServices extends DownstreamServices {
  readonly limits: DataPlaneLimits;
  readonly pool: UpstreamPool;
  /** Null where services are not told who forwards to them. */
  readonly forwardingProofs: ForwardingProofs | null;
  readonly streamPlaces: StreamPlaces;
}

/** An exchange whose request is forwarded to an instance. */
export interface ForwardExchange extends Exchange {
  readonly decision: ForwardDecision;
  readonly dataPlane: UpstreamServices;
}
