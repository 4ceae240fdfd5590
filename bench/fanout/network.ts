import type { Network } from '../support/network';

/** Who the followers of whom are: the first people follow everybody of a kind, the later ones fewer. */
export interface FanoutNetwork extends Network {
  /** Authors by their number of followers. */
  readonly authors: ReadonlyMap<number, number>;
  /** Authors with the same followers, the first people, who together show the throughput. */
  readonly burst: readonly number[];
  /** Follows everybody. */
  readonly collector: number;
}

const BURST_AUTHORS = 20;

export function fanoutNetwork(options: {
  people: number;
  followers: readonly number[];
  burstFollowers: number;
}): FanoutNetwork {
  const { people, followers, burstFollowers } = options;
  const authors = new Map(followers.map((count, index) => [count, people + index]));
  const burst = Array.from({ length: BURST_AUTHORS }, (_, index) => people + followers.length + index);
  const collector = people + followers.length + BURST_AUTHORS;
  return {
    name: `${people} people, authors with ${[...followers, burstFollowers].join(', ')} followers`,
    usernames: Array.from({ length: collector + 1 }, (_, person) => `person_${person}`),
    authors,
    burst,
    collector,
    *followees(person) {
      if (person === collector) for (let other = 0; other < people; other++) yield other;
      if (person >= people) return;
      for (const [count, author] of authors) if (person < count) yield author;
      if (person < burstFollowers) yield* burst;
    },
  };
}
