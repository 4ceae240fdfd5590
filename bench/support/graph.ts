import { readFileSync } from 'node:fs';
import { type Graph, parseEdges } from '../../scripts/graph/edges';
import { createRandom } from './random';

/** Of `reed98`, a friendship network of 962 people with 18,812 edges (Traud, Mucha, Porter, 2012). */
const DEFAULT_SIZE = { people: 962, friendsOfNew: 20 };

/** The graph in a file with one edge per line, or without a file a generated one of the same size. */
export const graphOf = (path: string | undefined): Graph =>
  path === undefined ? powerLawGraph(DEFAULT_SIZE) : parseEdges(readFileSync(path, 'utf8'));

/**
 * Generates a graph whose degrees follow a power law, by preferential attachment (Barabási, Albert, 1999): each new person
 * befriends others with a probability proportional to how many friends they have. The same for the same size.
 */
export function powerLawGraph({ people, friendsOfNew }: { people: number; friendsOfNew: number }): Graph {
  const random = createRandom(people);
  const friends = new Map<string, Set<string>>();
  /** Each person as often as they have friends. */
  const ends: number[] = [];
  let edges = 0;
  const befriend = (one: number, other: number) => {
    friends.get(String(one))?.add(String(other));
    friends.get(String(other))?.add(String(one));
    ends.push(one, other);
    edges++;
  };
  for (let person = 0; person < people; person++) {
    friends.set(String(person), new Set());
    const known = new Set<number>();
    // The first ones know each other all.
    if (person <= friendsOfNew) for (let other = 0; other < person; other++) known.add(other);
    while (person > friendsOfNew && known.size < friendsOfNew)
      known.add(ends[Math.floor(random() * ends.length)] ?? 0);
    for (const other of known) befriend(person, other);
  }
  return { people: [...friends.keys()], friends, edges };
}
