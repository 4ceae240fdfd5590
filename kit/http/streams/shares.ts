import { defineProblem } from '../../errors/problem';
import { networkOf } from '../network';

export const TooManyStreams = defineProblem('stream.too-many', 503, 'Too many open streams');
export const StreamShareExceeded = defineProblem(
  'stream.share-exceeded',
  429,
  'Too many open streams of one client',
);

/** Whom an open stream belongs to. */
export interface StreamOwner {
  /** Null for a client that is not signed in. */
  readonly personId: string | null;
  readonly address: string;
}

/** Maximum open streams of one process. */
export interface StreamLimits {
  readonly maximum: number;
  /** Of all clients together that are not signed in; the rest is kept for people. */
  readonly anonymous: number;
  /** Of the clients of one address (IPv6: of one /64) that are not signed in. */
  readonly perAddress: number;
  readonly perPerson: number;
}

/** `full`: retry later; `share`: close one of the owner's other streams first. */
export type StreamRefusal = 'full' | 'share';

/**
 * The open streams of a process, counted by their owners, so that nobody can take all of them: a flood from one address
 * takes the share of that address, and strangers together leave room for people who are signed in.
 */
export interface StreamShares {
  readonly open: number;
  /** Why this owner may not open another stream; undefined when it may. */
  refusal(owner: StreamOwner): StreamRefusal | undefined;
  /**
   * Takes a place.
   *
   * @returns releases it; further calls have no effect
   * @throws TooManyStreams, StreamShareExceeded
   */
  acquire(owner: StreamOwner): () => void;
}

/** A stream of server-sent events, a WebSocket and a long poll are all of them streams: they hold a place while idle. */
export function createStreamShares(limits: StreamLimits): StreamShares {
  const counts = new Map<string, number>();
  /** Many people may share an address, but not all places: one person may have many accounts. */
  const peoplePerAddress = Math.max(limits.perAddress, Math.floor(limits.maximum / 2));
  let open = 0;

  function refusal({ personId, address }: StreamOwner): StreamRefusal | undefined {
    if (open >= limits.maximum) return 'full';
    const network = networkOf(address);
    const isShareUsed =
      personId === null
        ? countOf(strangersAt(network)) >= limits.perAddress
        : countOf(person(personId)) >= limits.perPerson || countOf(peopleAt(network)) >= peoplePerAddress;
    if (isShareUsed) return 'share';
    return personId === null && countOf(STRANGERS) >= limits.anonymous ? 'full' : undefined;
  }

  const countOf = (key: string) => counts.get(key) ?? 0;

  function add(key: string, change: 1 | -1) {
    const count = countOf(key) + change;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
  }

  return {
    get open() {
      return open;
    },
    refusal,
    acquire(owner) {
      const refused = refusal(owner);
      if (refused !== undefined) throw problemOf(refused);
      const { personId, address } = owner;
      const network = networkOf(address);
      const keys =
        personId === null ? [STRANGERS, strangersAt(network)] : [person(personId), peopleAt(network)];
      for (const key of keys) add(key, 1);
      open++;
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        for (const key of keys) add(key, -1);
        open--;
      };
    },
  };
}

const STRANGERS = 'strangers';
const strangersAt = (network: string) => `strangers at ${network}`;
const peopleAt = (network: string) => `people at ${network}`;
const person = (id: string) => `person ${id}`;

/** The problem of a refused stream. */
export const problemOf = (refusal: StreamRefusal) =>
  refusal === 'full'
    ? new TooManyStreams({ detail: 'Retry in a moment.', headers: { 'retry-after': '2' } })
    : new StreamShareExceeded({
        detail: 'Close another stream first, or sign in.',
        headers: { 'retry-after': '10' },
      });
