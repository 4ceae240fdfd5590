import { Counter, type Registry } from 'prom-client';
import type { Caller } from '../../auth/caller';
import { sharedGauge, sharedMetric } from '../../core/metrics';
import { ServiceOverloaded } from '../../core/queues/work-queue';
import { defineProblem, type Problem } from '../../errors/problem';
import { readClient } from '../client-address';
import { networkOf } from '../network';

export const TooManyStreams = defineProblem('stream.too-many', 503, 'Too many open streams');
export const StreamShareExceeded = defineProblem(
  'stream.share-exceeded',
  429,
  'Too many open streams of one client',
);
export const RequestShareExceeded = defineProblem(
  'request.share-exceeded',
  429,
  'Too many concurrent requests of one client',
);

/** Whom a place belongs to. */
export interface ShareOwner {
  /** Null for a client that is not signed in: only a verified token makes a person. */
  readonly personId: string | null;
  readonly address: string;
}

/** Maximum places in use at a time, in one process. */
export interface ShareLimits {
  readonly maximum: number;
  /** Of all clients together that are not signed in. A tenth of the places is kept for people, whatever this says. */
  readonly anonymous: number;
  /** Of the clients of one address (IPv6: of one /64) that are not signed in. */
  readonly perAddress: number;
  readonly perPerson: number;
}

/** `full`: retry later; `share`: end something else of the owner first. */
export type ShareRefusal = 'full' | 'share';

/** The problems of refused places, by their reason. */
export type ShareProblems = Readonly<Record<ShareRefusal, () => Problem>>;

/**
 * The places of something that is held, or costs a lot, counted by their owners, so that nobody can take all of them: a
 * flood from one address takes the share of that address, and strangers together leave room for people who are signed in.
 * Each process counts its own.
 */
export interface Shares {
  /** Places in use. */
  readonly used: number;
  /** Why this owner may not have another place; undefined when it may. */
  refusal(owner: ShareOwner): ShareRefusal | undefined;
  /**
   * Takes a place.
   *
   * @returns releases it; further calls have no effect
   * @throws a problem of `ShareProblems`
   */
  acquire(owner: ShareOwner): () => void;
  /** Holds a place while a task runs. @throws as `acquire`, and as the task */
  run<Result>(owner: ShareOwner, task: () => Promise<Result>): Promise<Result>;
}

/**
 * @param metrics where used places, limits and refusals are counted
 * @param options.name of the share in metrics: a constant, in the plural
 * @param options.problems thrown by `acquire`; those of streams unless said otherwise. A stream of server-sent events, a
 *   WebSocket and a long poll are all of them streams: they hold a place while idle
 */
export function createShares(
  metrics: Registry,
  options: { name: string; limits: ShareLimits; problems?: ShareProblems },
): Shares {
  const { name, limits, problems = STREAM_PROBLEMS } = options;
  const { maximum, perAddress, perPerson } = limits;
  const anonymous = Math.min(limits.anonymous, Math.floor(maximum * MAX_ANONYMOUS));
  const counts = new Map<string, number>();
  /** Many people may share an address, but not all places: one person may have many accounts. */
  const peoplePerAddress = Math.max(perAddress, Math.floor(maximum / 2));
  const report = observeShare(metrics, name, { maximum, anonymous });
  let used = 0;

  function refusal({ personId, address }: ShareOwner): ShareRefusal | undefined {
    if (used >= maximum) return 'full';
    const network = networkOf(address);
    const isShareUsed =
      personId === null
        ? countOf(strangersAt(network)) >= perAddress
        : countOf(person(personId)) >= perPerson || countOf(peopleAt(network)) >= peoplePerAddress;
    if (isShareUsed) return 'share';
    return personId === null && countOf(STRANGERS) >= anonymous ? 'full' : undefined;
  }

  const countOf = (key: string) => counts.get(key) ?? 0;

  function add(keys: readonly string[], change: 1 | -1) {
    for (const key of keys) {
      const count = countOf(key) + change;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    }
    used += change;
    report.used(used, countOf(STRANGERS));
  }

  function acquire(owner: ShareOwner): () => void {
    const refused = refusal(owner);
    if (refused !== undefined) {
      report.refused(refused);
      throw problems[refused]();
    }
    const { personId, address } = owner;
    const network = networkOf(address);
    const keys =
      personId === null ? [STRANGERS, strangersAt(network)] : [person(personId), peopleAt(network)];
    add(keys, 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      add(keys, -1);
    };
  }

  return {
    get used() {
      return used;
    },
    refusal,
    acquire,
    async run(owner, task) {
      const release = acquire(owner);
      return task().finally(release);
    },
  };
}

/** The rest is kept for people who are signed in. */
const MAX_ANONYMOUS = 0.9;
const STRANGERS = 'strangers';
const strangersAt = (network: string) => `strangers at ${network}`;
const peopleAt = (network: string) => `people at ${network}`;
const person = (id: string) => `person ${id}`;

/** Limits with the usual proportions: half for strangers, an eighth for one address or one person. */
export const shareLimitsOf = (maximum: number): ShareLimits => ({
  maximum,
  anonymous: Math.floor(maximum / 2),
  perAddress: Math.ceil(maximum / 8),
  perPerson: Math.ceil(maximum / 8),
});

/**
 * Who makes a request, as far as shares are concerned.
 *
 * @param caller who is signed in
 */
export const ownerOf = (
  context: { request: Request; server: Parameters<typeof readClient>[1] },
  caller: Pick<Caller, 'id'> | null,
): ShareOwner => ({
  personId: caller?.id ?? null,
  address: readClient(context.request, context.server).address,
});

/** For places that are held until a client leaves. */
export const STREAM_PROBLEMS: ShareProblems = {
  full: () => new TooManyStreams({ detail: 'Retry in a moment.', headers: { 'retry-after': '2' } }),
  share: () =>
    new StreamShareExceeded({
      detail: 'Close another stream first, or sign in.',
      headers: { 'retry-after': '10' },
    }),
};

/** For places that are held while a request is handled. */
export const REQUEST_PROBLEMS: ShareProblems = {
  full: () => new ServiceOverloaded({ detail: 'Retry in a moment.', headers: { 'retry-after': '2' } }),
  share: () =>
    new RequestShareExceeded({
      detail: 'Wait for the end of another request of this kind, or sign in.',
      headers: { 'retry-after': '2' },
    }),
};

/** The metrics of all shares of a process; `who` is `all` or `strangers`. */
function observeShare(registry: Registry, share: string, limits: { maximum: number; anonymous: number }) {
  const labelNames = ['share', 'who'] as const;
  const used = sharedGauge(registry, { name: 'share_places_used', help: 'Places in use', labelNames });
  const limit = sharedGauge(registry, { name: 'share_places_limit', help: 'Maximum of places', labelNames });
  const refusals = sharedMetric(
    registry,
    'share_refusals_total',
    () =>
      new Counter({
        name: 'share_refusals_total',
        help: 'Refused places: `share` of the owner used, or `full`',
        labelNames: ['share', 'reason'] as const,
        registers: [registry],
      }),
  );
  limit.set({ share, who: 'all' }, limits.maximum);
  limit.set({ share, who: 'strangers' }, limits.anonymous);
  const set = (all: number, strangers: number) => {
    used.set({ share, who: 'all' }, all);
    used.set({ share, who: 'strangers' }, strangers);
  };
  set(0, 0);
  return { used: set, refused: (reason: ShareRefusal) => refusals.inc({ share, reason }) };
}
