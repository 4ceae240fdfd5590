import { defineProblem } from '#kit/problem';
import type { Siblings } from '../workers/siblings';
import type { ExplainedRequest } from './explanation';

export const UnknownRequest = defineProblem(
  'explain.unknown-request',
  404,
  'No request with this id is remembered',
);

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
  const kept = {
    requests: known.reduce((sum, one) => sum + one.kept.requests, 0),
    // What ended before this may be forgotten by one of them already.
    since:
      known
        .map((one) => one.kept.since)
        .sort(compare)
        .at(-1) ?? null,
  };
  const requests = known
    .flatMap(({ worker, requests }) => requests.map((request) => ({ worker, ...request })))
    .sort((left, right) => compare(right.started_at, left.started_at));
  if (requests.length === 0) throw new UnknownRequest({ detail: whatIsKept(kept, silent) });
  return { request_id: requestId, kept, silent_workers: [...silent], requests };
}

function whatIsKept(kept: ExplainedRequest['kept'], silent: readonly number[]): string {
  const since =
    kept.since === null
      ? 'Nothing is known.'
      : `Remembered are the ${kept.requests} that ended since ${kept.since}.`;
  const missing = silent.length === 0 ? '' : ` Workers that did not answer: ${silent.join(', ')}.`;
  return `${since} A request is told of once it has ended.${missing}`;
}

const compare = (left: string | null, right: string | null) =>
  (left ?? '') < (right ?? '') ? -1 : (left ?? '') > (right ?? '') ? 1 : 0;
