import { bearerTokenIn } from '../../auth/bearer';
import { addressRanges } from '../../core/address-ranges';
import type { Runtime } from '../../core/runtime';
import { isSameSecret } from '../../core/secrets';
import { defineProblem } from '../../errors/problem';
import { readClient } from '../client-address';

export const MetricsRefused = defineProblem('metrics.refused', 403, 'Metrics not allowed');

/** The part of a route's context that is read here. */
interface MetricsContext {
  readonly request: Request;
  readonly server: Parameters<typeof readClient>[1];
}

/**
 * Admits monitoring to what it reads: from the addresses of METRICS_ALLOWED, and from everywhere with METRICS_TOKEN. The
 * address is the client's: behind the gateway or a trusted proxy not that of the connection.
 *
 * @returns throws MetricsRefused for anybody else
 */
export function metricsAccess({ metricsReaders }: Pick<Runtime, 'metricsReaders'>) {
  const isAllowed = addressRanges(metricsReaders.ranges);
  const { token } = metricsReaders;
  return ({ request, server }: MetricsContext): void => {
    if (isAllowed(readClient(request, server).address)) return;
    const sent = bearerTokenIn(request.headers.get('authorization'));
    if (token !== undefined && sent !== null && isSameSecret(sent, token)) return;
    throw new MetricsRefused({
      detail: 'Read it from an address in METRICS_ALLOWED, or send METRICS_TOKEN as `Authorization: Bearer`.',
    });
  };
}
