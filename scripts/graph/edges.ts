import { demoPassword } from '../demo-people';

export interface Graph {
  /** As the file names them, in the order of their first line. */
  readonly people: readonly string[];
  /** Whom each person is friends with. */
  readonly friends: ReadonlyMap<string, ReadonlySet<string>>;
  /** Undirected: each becomes two follows. */
  readonly edges: number;
}

/**
 * Reads a graph with one undirected edge a line, `a b`. Blank lines and lines that begin with `#` or `%` are comments;
 * an edge that is told twice, in either direction, counts once.
 *
 * @throws with the number of a line that is no edge, or joins somebody to themselves
 */
export function parseEdges(text: string): Graph {
  const friends = new Map<string, Set<string>>();
  const friendsOf = (person: string) => {
    const known = friends.get(person) ?? new Set<string>();
    friends.set(person, known);
    return known;
  };
  let edges = 0;
  text.split('\n').forEach((line, index) => {
    if (/^\s*(?:[#%]|$)/.test(line)) return;
    const [, one, other] = /^\s*([a-z0-9_]{1,20})\s+([a-z0-9_]{1,20})\s*$/.exec(line) ?? [];
    if (one === undefined || other === undefined) throw new Error(`line ${index + 1} is not "a b"`);
    if (one === other) throw new Error(`line ${index + 1} joins ${one} to themselves`);
    if (friendsOf(one).has(other)) return;
    friendsOf(one).add(other);
    friendsOf(other).add(one);
    edges++;
  });
  return { people: [...friends.keys()], friends, edges };
}

/** How a person of the file is called in the system. */
export const usernameOf = (person: string): string => `person_${person}`;

/** How they sign in. */
export const credentialsOf = (person: string) => ({
  username: usernameOf(person),
  password: demoPassword(usernameOf(person)),
});
