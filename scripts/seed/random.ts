export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, `end`). */
  below(end: number): number;
  chance(probability: number): boolean;
  /** @throws RangeError for an empty list */
  pick<Item>(items: readonly Item[]): Item;
  /** `count` different items, or all when there are fewer. */
  some<Item>(items: readonly Item[], count: number): Item[];
}

/** A deterministic random number generator (mulberry32 by Tommy Ettinger, public domain). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('cannot pick from an empty list');
      return item;
    },
    some(items, count) {
      const remaining = [...items];
      const chosen: (typeof items)[number][] = [];
      while (chosen.length < count && remaining.length > 0)
        chosen.push(...remaining.splice(below(remaining.length), 1));
      return chosen;
    },
  };
}
