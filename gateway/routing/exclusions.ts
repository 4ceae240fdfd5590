import type { HeldBack } from '../model/attempt';
import type { Backend } from './backend';
import { slowStartShare } from './slow-start';

/** What is told of a service of a thousand instances is kept within bounds. */
const MOST_TOLD = 50;

/**
 * The instances that are not drawn as their weight says, and why: made when the pools are, so that a request need only
 * refer to it.
 *
 * @param slowStartMs now, where new instances start slowly; null where all are new
 */
export function heldBackOf(backends: Iterable<Backend>, slowStartMs: number | null): readonly HeldBack[] {
  const told: HeldBack[] = [];
  for (const backend of backends) {
    if (told.length === MOST_TOLD) break;
    const reason = reasonOf(backend, slowStartMs);
    if (reason !== null) told.push({ instanceId: backend.instance.instance_id, ...reason });
  }
  return told;
}

function reasonOf(
  { instance: { state, weight }, standing, upSinceMs }: Backend,
  slowStartMs: number | null,
): Omit<HeldBack, 'instanceId'> | null {
  if (state !== 'up') return { reason: state };
  if (weight === 0) return { reason: 'no-weight' };
  if (standing.ejectedUntilMs !== null) return { reason: 'ejected', untilMs: standing.ejectedUntilMs };
  const share = slowStartMs === null ? 1 : slowStartShare(slowStartMs - upSinceMs);
  return share < 1 ? { reason: 'slow-start', share } : null;
}
