import type { Attempt, AttemptRecord, NotRetried } from '../model/attempt';
import type { Explained } from '../model/explanation';
import type { RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';
import { explanationOf, isoTimeOf } from './explanation-of';

/** What explains how a request was routed. */
export type RoutedRequest = Omit<RequestOutcome, 'bytesIn' | 'bytesOut'>;

/** The part of a request's context that is recorded. */
export type TimedRequest = Pick<RequestContext, 'requestId' | 'startedMs' | 'revision'> & {
  readonly request: { readonly head: { readonly method: string } };
};

/** The most recently completed requests, for `GET /explain/{request_id}`. */
export interface RecentRequests {
  add(context: TimedRequest, durationMs: number, routed: RoutedRequest): void;
  /** Newest first. */
  explain(requestId: string): Explained;
}

/** Capacity for regular requests, and for those that were retried, queued or failed. */
export interface RecentRequestsCapacity {
  readonly ordinary: number;
  readonly troubled: number;
}

/** A busy gateway overwrites regular requests within a second, and operators look up the others. */
const CAPACITY: RecentRequestsCapacity = { ordinary: 10_000, troubled: 2_000 };

/** Requests that were retried, queued or failed have a ring of their own, apart from the many others. */
export function createRecentRequests(capacity: RecentRequestsCapacity = CAPACITY): RecentRequests {
  const ordinary = createRing(capacity.ordinary);
  const troubled = createRing(capacity.troubled);
  return {
    add(context, durationMs, routed) {
      const ring = isTroubled(routed) ? troubled : ordinary;
      ring.add(context, durationMs, routed);
    },
    explain(requestId) {
      const requests = [...ordinary.find(requestId), ...troubled.find(requestId)].sort((left, right) =>
        left.started_at < right.started_at ? 1 : left.started_at > right.started_at ? -1 : 0,
      );
      return { requests, kept: { ordinary: ordinary.retention(), troubled: troubled.retention() } };
    },
  };
}

const isTroubled = ({ status, tries, queuedMs }: RoutedRequest) =>
  status >= 500 ||
  (tries !== undefined && tries.records !== null) ||
  (queuedMs !== undefined && queuedMs > 0);

/** A client may send every request with the same id. */
const MAX_FOUND = 100;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * A ring of preallocated columns: adding a request writes a few numbers and references to objects that exist anyway. A
 * method is stored as its index in a list, because a substring of a request's head would retain that head.
 */
function createRing(capacity: number) {
  const ids: string[] = Array.from({ length: capacity }, () => '');
  const methods = new Int8Array(capacity);
  const statuses = new Uint16Array(capacity);
  const revisions = new Float64Array(capacity);
  const startedMs = new Float64Array(capacity);
  const durationsMs = new Float64Array(capacity);
  const queuedMs = new Float64Array(capacity);
  const routes: string[] = Array.from({ length: capacity }, () => '');
  const services: (string | undefined)[] = Array.from({ length: capacity }, () => undefined);
  const codes: (string | undefined)[] = Array.from({ length: capacity }, () => undefined);
  const failures: (string | undefined)[] = Array.from({ length: capacity }, () => undefined);
  const attempts: (Attempt | null | undefined)[] = Array.from({ length: capacity }, () => null);
  const records: (readonly AttemptRecord[] | null | undefined)[] = Array.from(
    { length: capacity },
    () => null,
  );
  const notRetried: (NotRetried | null | undefined)[] = Array.from({ length: capacity }, () => null);
  let next = 0;
  let size = 0;

  const at = (column: Float64Array, slot: number) => column[slot] ?? 0;

  const explanationAt = (slot: number) =>
    explanationOf({
      method: METHODS[methods[slot] ?? -1] ?? 'other',
      route: routes[slot] ?? '',
      service: services[slot],
      status: statuses[slot] ?? 0,
      code: codes[slot],
      failure: failures[slot],
      startedMs: at(startedMs, slot),
      durationMs: at(durationsMs, slot),
      revision: at(revisions, slot),
      queuedMs: at(queuedMs, slot),
      attempt: attempts[slot],
      records: records[slot],
      notRetried: notRetried[slot],
    });

  return {
    add(context: TimedRequest, durationMs: number, routed: RoutedRequest): void {
      const slot = next;
      next = slot + 1 === capacity ? 0 : slot + 1;
      if (size < capacity) size++;
      ids[slot] = context.requestId;
      methods[slot] = METHODS.indexOf(context.request.head.method);
      statuses[slot] = routed.status;
      revisions[slot] = context.revision;
      startedMs[slot] = context.startedMs;
      durationsMs[slot] = durationMs;
      queuedMs[slot] = routed.queuedMs ?? 0;
      attempts[slot] = routed.tries?.attempt;
      // Mostly equal to what is there: a reference that is not written needs no write barrier of the garbage collector.
      replace(routes, slot, routed.route);
      replace(services, slot, routed.service);
      replace(codes, slot, routed.code);
      replace(failures, slot, routed.failure);
      replace(records, slot, routed.tries?.records);
      replace(notRetried, slot, routed.tries?.notRetried);
    },
    /** Newest first. */
    find(requestId: string) {
      const requests: ReturnType<typeof explanationOf>[] = [];
      for (let back = 1; back <= size && requests.length < MAX_FOUND; back++) {
        const slot = (next - back + capacity) % capacity;
        if (ids[slot] === requestId) requests.push(explanationAt(slot));
      }
      return requests;
    },
    /** Since the end of the oldest; since the start of the process while none was overwritten. */
    retention: () => ({
      requests: size,
      since: size < capacity ? isoTimeOf(0) : isoTimeOf(at(startedMs, next) + at(durationsMs, next)),
    }),
  };
}

function replace<Value>(column: Value[], slot: number, value: Value): void {
  if (column[slot] !== value) column[slot] = value;
}
