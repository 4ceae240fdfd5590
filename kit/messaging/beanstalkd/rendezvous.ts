import { createHash } from 'node:crypto';

/**
 * The order in which servers are tried for a key: rendezvous hashing (highest random weight; Thaler and Ravishankar, 1998).
 * Every process that knows the same servers chooses the same order, without talking to others. When one server is away, only
 * its keys move, and spread over all others; they return with it.
 *
 * @param names of the servers; their order does not matter
 * @returns the same names, the first choice first
 */
export function rankServers(names: readonly string[], key: string): string[] {
  if (names.length < 2) return [...names];
  const weights = new Map(names.map((name) => [name, weightOf(name, key)]));
  const weight = (name: string) => weights.get(name) ?? 0;
  return [...names].sort((one, other) => weight(other) - weight(one) || (one < other ? -1 : 1));
}

/** 48 bits, which a number holds exactly. */
const weightOf = (name: string, key: string): number =>
  createHash('sha256').update(`${name}\n${key}`).digest().readUIntBE(0, 6);
