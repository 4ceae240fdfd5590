import type { ExcludedInstance } from '../model/attempt';
import type { Backend } from './backend';
import { slowStartShare } from './slow-start';

/** Bounds the list of a service with a thousand instances. */
const MAX_LISTED = 50;

/**
 * The instances that are not drawn by their full weight, with the reason: computed together with the pools, so that an
 * attempt only refers to it.
 *
 * @param slowStartMs now, where slow start applies; null where all instances are new
 */
export function exclusionsOf(
  backends: Iterable<Backend>,
  slowStartMs: number | null,
): readonly ExcludedInstance[] {
  const excluded: ExcludedInstance[] = [];
  for (const backend of backends) {
    if (excluded.length === MAX_LISTED) break;
    const reason = reasonOf(backend, slowStartMs);
    if (reason !== null) excluded.push({ instanceId: backend.instance.instance_id, ...reason });
  }
  return excluded;
}

function reasonOf(
  { instance: { state, weight }, outlier, upSinceMs }: Backend,
  slowStartMs: number | null,
): Omit<ExcludedInstance, 'instanceId'> | null {
  if (state !== 'up') return { reason: state };
  if (weight === 0) return { reason: 'no-weight' };
  if (outlier.ejectedUntilMs !== null) return { reason: 'ejected', untilMs: outlier.ejectedUntilMs };
  const share = slowStartMs === null ? 1 : slowStartShare(slowStartMs - upSinceMs);
  return share < 1 ? { reason: 'slow-start', share } : null;
}
