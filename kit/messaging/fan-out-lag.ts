import type { Registry } from 'prom-client';
import { timeOfId } from '../core/ids';
import { sharedHistogram } from '../core/metrics';

/** A home timeline that lags by minutes looks broken. */
const LAG_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800];

/**
 * Registers the lag of deliveries into home timelines, for the processes that deliver to the last follower.
 *
 * @returns records that the last follower has just received a post
 */
export function observeFanOutLag(metrics: Registry): (postId: string) => void {
  const lag = sharedHistogram(metrics, {
    name: 'fanout_lag_seconds',
    help: 'Seconds from the creation of a post to its delivery to the last follower',
    buckets: LAG_BUCKETS_SECONDS,
  });
  return (postId) => lag.observe(Math.max(0, Date.now() - timeOfId(postId).getTime()) / 1000);
}
