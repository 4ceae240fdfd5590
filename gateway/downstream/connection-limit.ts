import { Counter, type Registry } from 'prom-client';
import { networkOf } from '#kit/http/network';
import type { ClientPeer } from './client-origin';

/** A connection that may be closed in favour of a new one. */
export interface Evictable {
  /** Closes it when it is idle between two requests; false when it is not. */
  evictIfIdle(): boolean;
}

/** Limits client connections, in total and per address. */
export interface ConnectionLimit<Client extends Evictable> extends Iterable<Client> {
  readonly size: number;
  /** Whether a further connection of this peer is accepted. At the limit an idle connection is evicted for it. */
  admits(peer: ClientPeer): boolean;
  add(client: Client, peer: ClientPeer): void;
  /** False when it was not counted. */
  remove(client: Client, peer: ClientPeer): boolean;
}

/** Eviction candidates per new connection: a flood of connections must not cost a scan of thousands each. */
const MAX_CANDIDATES = 64;

/** @param limits.perAddress for peers that are no trusted proxies; an IPv6 address counts as its /64 */
export function createConnectionLimit<Client extends Evictable>(
  limits: { readonly total: number; readonly perAddress: number },
  registry: Registry,
): ConnectionLimit<Client> {
  const all = createGroup<Client>();
  const byNetwork = new Map<string, Group<Client>>();
  const refused = new Counter({
    name: 'gateway_client_connections_refused_total',
    help: 'Client connections closed on accept, by the limit that was reached: the total, or that of the address',
    labelNames: ['full'] as const,
    registers: [registry],
  });

  function hasRoom(group: Group<Client> | undefined, limit: number, full: string): boolean {
    if (group === undefined || group.members.size < limit || group.evictOne()) return true;
    refused.inc({ full });
    return false;
  }

  return {
    get size() {
      return all.members.size;
    },
    admits: ({ address, trusted }) =>
      hasRoom(trusted ? undefined : byNetwork.get(networkOf(address)), limits.perAddress, 'address') &&
      hasRoom(all, limits.total, 'all'),
    add(client, { address }) {
      all.members.add(client);
      const network = networkOf(address);
      const group = byNetwork.get(network) ?? createGroup();
      byNetwork.set(network, group);
      group.members.add(client);
    },
    remove(client, { address }) {
      const network = networkOf(address);
      const group = byNetwork.get(network);
      group?.members.delete(client);
      if (group?.members.size === 0) byNetwork.delete(network);
      return all.members.delete(client);
    },
    [Symbol.iterator]: () => all.members.values(),
  };
}

interface Group<Client> {
  readonly members: Set<Client>;
  /** Tries members in round-robin order. */
  evictOne(): boolean;
}

function createGroup<Client extends Evictable>(): Group<Client> {
  const members = new Set<Client>();
  // A set's iterator stays valid while members are added and removed.
  let cursor = members.values();
  return {
    members,
    evictOne() {
      for (let tried = 0; tried < MAX_CANDIDATES; tried++) {
        let next = cursor.next();
        if (next.done) {
          cursor = members.values();
          next = cursor.next();
        }
        if (next.value?.evictIfIdle()) return true;
      }
      return false;
    },
  };
}
