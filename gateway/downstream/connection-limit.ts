import { Counter, type Registry } from 'prom-client';
import { networkOf } from '#kit/http/network';
import type { Arrival } from './client-origin';

/** What a place needs to know of the client that has it. */
export interface Yielding {
  /** Closes it at once when it is between two requests. False when it is not. */
  giveWay(): boolean;
}

/** The places of connected clients: so many in all, and so many for each address. */
export interface ClientPlaces<Client extends Yielding> extends Iterable<Client> {
  readonly size: number;
  /** Whether one more may connect from there. Where all places are taken, one that only waits gives way. */
  admits(arrival: Arrival): boolean;
  take(client: Client, arrival: Arrival): void;
  /** False when it had no place. */
  leave(client: Client, arrival: Arrival): boolean;
}

/** How many are asked to give way for one newcomer: who comes in thousands must not cost a look at thousands each. */
const MOST_ASKED = 64;

/** @param mostPerAddress of clients that are no trusted proxies; an IPv6 address counts as its /64 */
export function createClientPlaces<Client extends Yielding>(
  most: number,
  mostPerAddress: number,
  registry: Registry,
): ClientPlaces<Client> {
  const all = createGroup<Client>();
  const byNetwork = new Map<string, Group<Client>>();
  const turnedAway = new Counter({
    name: 'gateway_client_connections_refused_total',
    help: 'Clients closed as soon as they connected, by what was full: all places, or those of their address',
    labelNames: ['full'] as const,
    registers: [registry],
  });

  function hasRoom(group: Group<Client> | undefined, limit: number, full: string): boolean {
    if (group === undefined || group.members.size < limit || group.makeRoom()) return true;
    turnedAway.inc({ full });
    return false;
  }

  return {
    get size() {
      return all.members.size;
    },
    admits: ({ address, trusted }) =>
      hasRoom(trusted ? undefined : byNetwork.get(networkOf(address)), mostPerAddress, 'address') &&
      hasRoom(all, most, 'all'),
    take(client, { address }) {
      all.members.add(client);
      const network = networkOf(address);
      const group = byNetwork.get(network) ?? createGroup();
      byNetwork.set(network, group);
      group.members.add(client);
    },
    leave(client, { address }) {
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
  /** Asks members in turn, each time going on behind the last one asked. */
  makeRoom(): boolean;
}

function createGroup<Client extends Yielding>(): Group<Client> {
  const members = new Set<Client>();
  // Goes on over what is added and removed meanwhile.
  let turn = members.values();
  return {
    members,
    makeRoom() {
      for (let asked = 0; asked < MOST_ASKED; asked++) {
        let next = turn.next();
        if (next.done) {
          turn = members.values();
          next = turn.next();
        }
        if (next.value?.giveWay()) return true;
      }
      return false;
    },
  };
}
