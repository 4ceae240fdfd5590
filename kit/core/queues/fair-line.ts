/** Where an entry waits. */
export interface Place {
  /** Entries take turns by key: many of one key delay the others of that key, not those of another. */
  readonly key: string;
  /** Preferred and other entries take turns as well, so that neither kind keeps the other out. */
  readonly preferred: boolean;
}

/** Waiting entries in the order of their turns. */
export interface FairLine<Entry> {
  readonly size: number;
  add(place: Place, entry: Entry): void;
  /** @returns whether it was waiting */
  remove(place: Place, entry: Entry): boolean;
  /** Removes and returns the entry whose turn it is. */
  takeNext(): Entry | undefined;
  /** Whether somebody else has to give way to one at `place` in a full line. False when the newcomer would be that one. */
  mayDisplace(place: Place): boolean;
  /** Removes and returns who gives way to one at `place`: the newest entry of the longest queue of the larger kind. */
  displaceFor(place: Place): Entry | undefined;
  /** Removes and returns who gives way when there are too many. */
  takeLast(): Entry | undefined;
}

/** Entries of one kind by key, the keys in the order of their turns, each with its entries in the order of arrival. */
interface Kind<Entry> {
  readonly queues: Map<string, Set<Entry>>;
  size: number;
}

/**
 * Fair queueing in two levels, kinds and keys, each served round robin. When there are too many, the longest queue gives
 * way ("longest queue drop", as in stochastic fair queueing and fq_codel): whoever is alone may use the whole line, and
 * nobody who fills it keeps others out.
 */
export function createFairLine<Entry>(): FairLine<Entry> {
  const preferred: Kind<Entry> = { queues: new Map(), size: 0 };
  const others: Kind<Entry> = { queues: new Map(), size: 0 };
  let isPreferredTurn = true;
  const kindOf = (place: Place) => (place.preferred ? preferred : others);

  function takeTurn(kind: Kind<Entry>): Entry | undefined {
    for (const [key, queue] of kind.queues)
      for (const entry of queue) {
        removeFrom(kind, key, entry);
        // To the end of the turns, where it has more to do.
        if (kind.queues.delete(key)) kind.queues.set(key, queue);
        return entry;
      }
    return undefined;
  }

  function kindToDisplace(place: Place): Kind<Entry> | undefined {
    const own = kindOf(place);
    const other = own === preferred ? others : preferred;
    if (other.size > own.size + 1) return other;
    const ownQueue = own.queues.get(place.key)?.size ?? 0;
    return own.size >= other.size && longestIn(own).size > ownQueue + 1 ? own : undefined;
  }

  return {
    get size() {
      return preferred.size + others.size;
    },
    add(place, entry) {
      const kind = kindOf(place);
      kind.queues.set(place.key, (kind.queues.get(place.key) ?? new Set()).add(entry));
      kind.size++;
    },
    remove: (place, entry) => removeFrom(kindOf(place), place.key, entry),
    takeNext() {
      const [first, second] = isPreferredTurn ? [preferred, others] : [others, preferred];
      isPreferredTurn = !isPreferredTurn;
      return takeTurn(first) ?? takeTurn(second);
    },
    mayDisplace: (place) => kindToDisplace(place) !== undefined,
    displaceFor(place) {
      const kind = kindToDisplace(place);
      return kind && takeNewest(kind);
    },
    takeLast: () => takeNewest(preferred.size > others.size ? preferred : others),
  };
}

function removeFrom<Entry>(kind: Kind<Entry>, key: string, entry: Entry): boolean {
  const queue = kind.queues.get(key);
  if (queue?.delete(entry) !== true) return false;
  if (queue.size === 0) kind.queues.delete(key);
  kind.size--;
  return true;
}

function longestIn<Entry>({ queues }: Kind<Entry>): { key: string; size: number } {
  let longest = { key: '', size: 0 };
  for (const [key, { size }] of queues) if (size > longest.size) longest = { key, size };
  return longest;
}

function takeNewest<Entry>(kind: Kind<Entry>): Entry | undefined {
  const { key } = longestIn(kind);
  const newest = [...(kind.queues.get(key) ?? [])].at(-1);
  if (newest !== undefined) removeFrom(kind, key, newest);
  return newest;
}
