import { demoPassword } from '../demo/people';

export interface Graph {
  /** The names in the file, in the order of their first line. */
  readonly people: readonly string[];
  /** The friends of each person. */
  readonly friends: ReadonlyMap<string, ReadonlySet<string>>;
  /** Undirected: each becomes two follows. */
  readonly edges: number;
}

/**
 * Parses a graph with one undirected edge per line, `a b`. Blank lines and lines that start with `#` or `%` are ignored;
 * a duplicate edge, in either direction, counts once.
 *
 * @throws with the number of a line that is invalid or a self-loop
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
    if (one === other) throw new Error(`line ${index + 1} is a self-loop of ${one}`);
    if (friendsOf(one).has(other)) return;
    friendsOf(one).add(other);
    friendsOf(other).add(one);
    edges++;
  });
  return { people: [...friends.keys()], friends, edges };
}

/** The username of a person in the file. */
export const usernameOf = (person: string): string => `person_${person}`;

/** The credentials of a person in the file. */
export const credentialsOf = (person: string) => ({
  username: usernameOf(person),
  password: demoPassword(usernameOf(person)),
});
