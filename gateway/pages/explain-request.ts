import type { Cluster } from '../cluster/cluster-client';
import type { ExplainedRequest, Retention } from '../model/explanation';
import { UnknownRequest } from '../model/problems';

/**
 * How the requests with an id were routed, from the records of all workers.
 *
 * @throws UnknownRequest with the retention in its detail
 */
export async function explainRequest(cluster: Cluster, requestId: string): Promise<ExplainedRequest> {
  const { reports, unresponsive } = await cluster.query({ about: 'request', requestId });
  const known = reports.flatMap(({ worker, report: { explained } }) =>
    explained ? [{ worker, ...explained }] : [],
  );
  const kept =
    known.length === 0
      ? null
      : {
          ordinary: combined(known.map((one) => one.kept.ordinary)),
          troubled: combined(known.map((one) => one.kept.troubled)),
        };
  const requests = known
    .flatMap(({ worker, requests }) => requests.map((request) => ({ worker, ...request })))
    .sort((left, right) => compare(right.started_at, left.started_at));
  if (requests.length === 0) throw new UnknownRequest({ detail: retentionDetail(kept, unresponsive) });
  return { request_id: requestId, kept, silent_workers: [...unresponsive], requests };
}

/** One of the workers may have overwritten what ended before the latest `since`. */
const combined = (retentions: readonly Retention[]): Retention => ({
  requests: retentions.reduce((sum, one) => sum + one.requests, 0),
  since:
    retentions
      .map(({ since }) => since)
      .sort()
      .at(-1) ?? '',
});

function retentionDetail(kept: ExplainedRequest['kept'], unresponsive: readonly number[]): string {
  const retained =
    kept === null
      ? 'No worker has replied.'
      : `Retained are the ${kept.ordinary.requests} requests that ended since ${kept.ordinary.since}, and the ${kept.troubled.requests} that were retried, queued or failed since ${kept.troubled.since}.`;
  const missing = unresponsive.length === 0 ? '' : ` Unresponsive workers: ${unresponsive.join(', ')}.`;
  return `${retained} A request is recorded when it has ended.${missing}`;
}

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
