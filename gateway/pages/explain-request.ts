import type { Siblings } from '../cluster/cluster';
import type { ExplainedRequest, Kept } from '../model/explanation';
import { UnknownRequest } from '../model/problems';

/**
 * How the requests with an id were routed, asked of every process that may have answered them.
 *
 * @throws UnknownRequest that says how far back requests are remembered
 */
export async function explainRequest(siblings: Siblings, requestId: string): Promise<ExplainedRequest> {
  const { answers, silent } = await siblings.ask({ about: 'request', requestId });
  const known = answers.flatMap(({ worker, knowledge: { explained } }) =>
    explained ? [{ worker, ...explained }] : [],
  );
  const kept =
    known.length === 0
      ? null
      : {
          ordinary: together(known.map((one) => one.kept.ordinary)),
          troubled: together(known.map((one) => one.kept.troubled)),
        };
  const requests = known
    .flatMap(({ worker, requests }) => requests.map((request) => ({ worker, ...request })))
    .sort((left, right) => compare(right.started_at, left.started_at));
  if (requests.length === 0) throw new UnknownRequest({ detail: whatIsKept(kept, silent) });
  return { request_id: requestId, kept, silent_workers: [...silent], requests };
}

/** What ended before the latest of these moments may be forgotten by one of them already. */
const together = (kept: readonly Kept[]): Kept => ({
  requests: kept.reduce((sum, one) => sum + one.requests, 0),
  since:
    kept
      .map(({ since }) => since)
      .sort()
      .at(-1) ?? '',
});

function whatIsKept(kept: ExplainedRequest['kept'], silent: readonly number[]): string {
  const told =
    kept === null
      ? 'Nothing is known.'
      : `Remembered are the ${kept.ordinary.requests} that ended since ${kept.ordinary.since}, and the ${kept.troubled.requests} that were retried, had to wait or failed since ${kept.troubled.since}.`;
  const missing = silent.length === 0 ? '' : ` Workers that did not answer: ${silent.join(', ')}.`;
  return `${told} A request is told of once it has ended.${missing}`;
}

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
