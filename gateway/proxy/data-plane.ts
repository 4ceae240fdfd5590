import type { SpanRecorder } from '#kit/core/span';
import type { Admission } from '../admission/admission';
import type { TrustedProxies } from '../downstream/client-origin';
import type { DeadlineClock } from '../downstream/deadlines';
import type { Exchange } from '../downstream/exchange';
import type { Decide, Decision, LocalHandler } from '../model/decision';
import type { UpstreamServices } from '../upstream/forward-exchange';

/** What all connections of one listening gateway share. */
export interface DataPlane extends UpstreamServices {
  readonly decide: Decide;
  readonly handleLocally: LocalHandler;
  readonly clock: DeadlineClock;
  readonly isTrusted: TrustedProxies;
  readonly admission: Admission;
  /** Null where tracing is disabled. */
  readonly spans: SpanRecorder | null;
  /** The registry revision that `decide` uses. */
  revision(): number;
}

/** One request and its response in the pipeline. */
export interface ProxyExchange extends Exchange {
  readonly dataPlane: DataPlane;
}

/** Narrows an exchange by the kind of its decision. */
export const isDecided = <Kind extends Decision['kind']>(
  exchange: ProxyExchange,
  kind: Kind,
): exchange is ProxyExchange & { readonly decision: Extract<Decision, { kind: Kind }> } =>
  exchange.decision.kind === kind;
