import type { Attempt, Budget, HeldBack, NotRetried, RoutedTry } from '../model/attempt';
import type { Explained, Explanation, Kept, Try } from '../model/explanation';
import type { RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';

/** What explains how a request was routed. */
export type RoutedRequest = Omit<RequestOutcome, 'bytesIn' | 'bytesOut'>;

/** What is taken of a request's context. */
export type TimedRequest = Pick<RequestContext, 'requestId' | 'startedMs' | 'revision'> & {
  readonly request: { readonly head: { readonly method: string } };
};

/** The requests that ended last, for `GET /explain/{request_id}`. */
export interface RecentRequests {
  add(context: TimedRequest, tookMs: number, routed: RoutedRequest): void;
  /** Newest first. */
  explain(requestId: string): Explained;
}

/** How many are remembered of those that went as they should, and of those that did not. */
export interface KeptRequests {
  readonly ordinary: number;
  readonly troubled: number;
}

/** A busy gateway forgets the ordinary ones within a second, and it is the others that are asked about. */
const KEPT: KeptRequests = { ordinary: 10_000, troubled: 2_000 };

/** Remembers requests that needed more than one try, had to wait or failed apart from the many others. */
export function createRecentRequests(kept: KeptRequests = KEPT): RecentRequests {
  const ordinary = createRing(kept.ordinary);
  const troubled = createRing(kept.troubled);
  return {
    add(context, tookMs, routed) {
      const ring = isTroubled(routed) ? troubled : ordinary;
      ring.add(context, tookMs, routed);
    },
    explain(requestId) {
      const [among, amongTroubled] = [ordinary.find(requestId), troubled.find(requestId)];
      const requests = [...among, ...amongTroubled].sort((left, right) =>
        left.started_at < right.started_at ? 1 : left.started_at > right.started_at ? -1 : 0,
      );
      return { requests, kept: { ordinary: ordinary.kept(), troubled: troubled.kept() } };
    },
  };
}

const isTroubled = ({ status, tries, queuedMs }: RoutedRequest) =>
  status >= 500 || (tries !== undefined && tries.told !== null) || (queuedMs !== undefined && queuedMs > 0);

/** One id may be sent with every request. */
const MOST_TOLD = 100;
/** With many instances away at once a request may have had many tries. */
const MOST_TRIES = 20;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * A ring of columns made once: to add a request is to write a few numbers and references to what lives anyway. Of a
 * method only the place in a list is kept, because a piece of a request's head would keep all of that head.
 */
function createRing(kept: number) {
  const ids: string[] = Array.from({ length: kept }, () => '');
  const methods = new Int8Array(kept);
  const statuses = new Uint16Array(kept);
  const revisions = new Float64Array(kept);
  const startedMs = new Float64Array(kept);
  const durationMs = new Float64Array(kept);
  const queuedMs = new Float64Array(kept);
  const routes: string[] = Array.from({ length: kept }, () => '');
  const services: (string | undefined)[] = Array.from({ length: kept }, () => undefined);
  const codes: (string | undefined)[] = Array.from({ length: kept }, () => undefined);
  const attempts: (Attempt | null | undefined)[] = Array.from({ length: kept }, () => null);
  const tries: (readonly RoutedTry[] | null | undefined)[] = Array.from({ length: kept }, () => null);
  const refusals: (NotRetried | null | undefined)[] = Array.from({ length: kept }, () => null);
  let next = 0;
  let held = 0;

  const at = (column: Float64Array, slot: number) => column[slot] ?? 0;

  function explanationAt(slot: number): Explanation {
    const attempt = attempts[slot];
    const status = statuses[slot] ?? 0;
    const only: RoutedTry[] = attempt ? [{ kind: 'first', attempt, status, budget: null }] : [];
    const ended = tries[slot] ?? only;
    const code = codes[slot];
    const queued = at(queuedMs, slot);
    const notRetried = refusals[slot];
    return {
      method: METHODS[methods[slot] ?? -1] ?? 'other',
      route: routes[slot] ?? '',
      service: services[slot] ?? null,
      status,
      ...(code !== undefined && { code }),
      started_at: timeOf(at(startedMs, slot)),
      duration_ms: hundredths(at(durationMs, slot)),
      registry_revision: at(revisions, slot),
      ...(notRetried && {
        not_retried: { reason: notRetried.reason, retry_budget: toldBudget(notRetried.budget) },
      }),
      ...(queued > 0 && { queued_ms: hundredths(queued) }),
      tries: ended
        .slice(0, MOST_TRIES)
        .map((one, place) =>
          tried(one, ended.slice(0, place), one.attempt === attempt ? status : one.status),
        ),
      ...(ended.length > MOST_TRIES && { tries_not_kept: ended.length - MOST_TRIES }),
    };
  }

  return {
    add(context: TimedRequest, tookMs: number, routed: RoutedRequest): void {
      const slot = next;
      next = slot + 1 === kept ? 0 : slot + 1;
      if (held < kept) held++;
      ids[slot] = context.requestId;
      methods[slot] = METHODS.indexOf(context.request.head.method);
      statuses[slot] = routed.status;
      revisions[slot] = context.revision;
      startedMs[slot] = context.startedMs;
      durationMs[slot] = tookMs;
      queuedMs[slot] = routed.queuedMs ?? 0;
      attempts[slot] = routed.tries?.attempt;
      // Mostly the same as there: a reference that is not written is nothing the garbage collector has to look at.
      replace(routes, slot, routed.route);
      replace(services, slot, routed.service);
      replace(codes, slot, routed.code);
      replace(tries, slot, routed.tries?.told);
      replace(refusals, slot, routed.tries?.notRetried);
    },
    /** Newest first. */
    find(requestId: string): Explanation[] {
      const requests: Explanation[] = [];
      for (let back = 1; back <= held && requests.length < MOST_TOLD; back++) {
        const slot = (next - back + kept) % kept;
        if (ids[slot] === requestId) requests.push(explanationAt(slot));
      }
      return requests;
    },
    /** Since the end of the oldest; before the first was forgotten, since the beginning of the process. */
    kept: (): Kept => ({
      requests: held,
      since: held < kept ? timeOf(0) : timeOf(at(startedMs, next) + at(durationMs, next)),
    }),
  };
}

function replace<Value>(column: Value[], slot: number, value: Value): void {
  if (column[slot] !== value) column[slot] = value;
}

function tried({ kind, attempt, budget }: RoutedTry, before: readonly RoutedTry[], status: number): Try {
  const { instanceId, considered, result, latencyMs } = attempt;
  const alreadyTried = new Set(before.map((one) => one.attempt.instanceId));
  return {
    kind,
    instance_id: instanceId,
    considered: considered.map((one) => ({ instance_id: one.instanceId, score: hundredths(one.score) })),
    held_back: [
      ...[...alreadyTried].map((instance_id) => ({ instance_id, reason: 'already-tried' })),
      ...attempt.heldBack.filter((one) => !alreadyTried.has(one.instanceId)).map(toldHeldBack),
    ],
    ...(attempt.isProbe && { probe: true }),
    outcome: result ?? 'abandoned',
    ...(hasAnswer(result) && status > 0 && { status }),
    latency_ms: hundredths(latencyMs),
    ...(budget !== null && { retry_budget: toldBudget(budget) }),
  };
}

const toldHeldBack = ({ instanceId, reason, untilMs, share }: HeldBack): Try['held_back'][number] => ({
  instance_id: instanceId,
  reason,
  ...(untilMs !== undefined && { until: timeOf(untilMs) }),
  ...(share !== undefined && { share: hundredths(share) }),
});

const toldBudget = ({ inUse, allowed }: Budget) => ({ in_use: inUse, allowed });

const hasAnswer = (result: Attempt['result']) =>
  result === 'answered' || result === 'application-error' || result === 'unavailable';

const timeOf = (monotonicMs: number) => new Date(performance.timeOrigin + monotonicMs).toISOString();

const hundredths = (value: number) => Math.round(value * 100) / 100;
