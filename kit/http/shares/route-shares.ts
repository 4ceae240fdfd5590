import { Elysia } from 'elysia';
import type { Runtime } from '../../core/runtime';
import { exchangeOf } from '../exchange';
import { SHARE_EXTENSION } from '../gateway-options';
import { createShares, ownerOf, REQUEST_PROBLEMS, type Shares, shareLimitsOf } from './shares';

/**
 * What costs so much that clients share it, and how many run at a time in one process: a query without an index of its
 * own, or one over many rows; a body that is received on the disk; a question to all workers of a gateway.
 */
const CONCURRENT = { searches: 128, uploads: 160, diagnostics: 32 } as const;

export type RouteShare = keyof typeof CONCURRENT;

/**
 * The route option `share: 'searches'`: a request is handled only while its client has a place, which `requests` releases
 * when it has been handled, however it ends. Beyond the share of a person or an address: `429 request.share-exceeded`;
 * beyond that of all: `503 service.busy`.
 */
export function routeShares(runtime: Runtime) {
  return new Elysia({ name: 'route-shares' }).macro('share', (name: RouteShare) => {
    const shares = sharesOf(runtime, name);
    return {
      detail: { [SHARE_EXTENSION]: name } as object,
      beforeHandle({ request, server }) {
        const exchange = exchangeOf(request);
        exchange.releasePlace = shares.acquire(ownerOf({ request, server }, exchange.caller ?? null));
      },
    };
  });
}

const sharesByRuntime = new WeakMap<Runtime, Map<RouteShare, Shares>>();

/** The places of one process, for what does not arrive at a route of HTTP. */
export function sharesOf(runtime: Runtime, name: RouteShare): Shares {
  const known = sharesByRuntime.get(runtime) ?? new Map<RouteShare, Shares>();
  sharesByRuntime.set(runtime, known);
  const found = known.get(name);
  if (found !== undefined) return found;
  const limits = shareLimitsOf(CONCURRENT[name]);
  const shares = createShares(runtime.metrics, { name, limits, problems: REQUEST_PROBLEMS });
  known.set(name, shares);
  return shares;
}
