import { type Graph, usernameOf } from '../../scripts/graph/edges';

/** People, by their index, and whom they follow. */
export interface Network {
  /** Describes it: kept data of another one is refused. */
  readonly name: string;
  readonly usernames: readonly string[];
  /** The people whom a person follows. */
  readonly followees: (person: number) => Iterable<number>;
}

/** Friends follow each other. */
export function networkOfFriends(graph: Graph): Network {
  const indexes = new Map(graph.people.map((name, index) => [name, index]));
  return {
    name: `${graph.people.length} people with ${graph.edges} friendships`,
    usernames: graph.people.map(usernameOf),
    followees: (person) =>
      [...(graph.friends.get(graph.people[person] ?? '') ?? [])].map((friend) => indexes.get(friend) ?? 0),
  };
}

/** A UUID of version 7: in the order of the people, as if they had registered one after the other. */
export const idOf = (person: number): string =>
  `01900000-0000-7000-8000-${person.toString(16).padStart(12, '0')}`;
