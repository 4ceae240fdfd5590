import type { ServerAddress } from '../../config/hosts';
import { sleep } from '../../core/back-off';
import type { Access } from '../address';
import { askServer } from '../ask-server';
import { type Connection, openConnection } from '../connection';
import type { RedisOptions } from '../events';
import { addressOf, newestOf, parseAddress, readTopology, SLOTS, type Topology } from './topology';

/** While a master is missing; a fail-over takes seconds. */
const REFRESH_MS = 250;
/** Otherwise, in refreshes: slots that moved without a call to them. */
const ROUTINE_REFRESH = 60;
/** A server that is a master no more replies to what it has received. */
const CLOSE_AFTER_MS = 2_000;

/** The masters of a cluster, and which of them serves each slot. */
export interface Nodes {
  /** The connection to the master of a slot; undefined when there is none. */
  ofSlot(slot: number): Connection | undefined;
  /** The address of that master. */
  ownerOf(slot: number): string | undefined;
  /** Opens another connection to a master, for messages. */
  openSubscriber(address: string, events: NodeEvents): Connection;
  /** The connection to a server that a redirect names. */
  at(address: string): Connection;
  /** A server said that a slot is another's. */
  moved(slot: number, address: string): void;
  /** Asks the nodes which master serves which slot. */
  refresh(): Promise<void>;
  masters(): Connection[];
  /** Every slot has a master that is connected. */
  isComplete(): boolean;
  close(): void;
}

export interface NodeEvents {
  ready(): void;
  lost(failure: unknown): void;
}

/** @param changed called when masters or slots may have changed */
export function openNodes(
  options: RedisOptions,
  cluster: { readonly access: Access; readonly nodes: readonly ServerAddress[] },
  changed: NodeEvents,
): Nodes {
  const { access, nodes: seeds } = cluster;
  const connections = new Map<string, { at: ServerAddress; connection: Connection }>();
  const closing = new AbortController();
  let owners: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  let masters = new Set<string>();
  let refreshing: Promise<void> | undefined;

  const open = (at: ServerAddress, events: NodeEvents) =>
    openConnection({
      access,
      locate: async () => at,
      name: options.name,
      replyTimeoutMs: options.replyTimeoutMs,
      isSharded: true,
      onReady: events.ready,
      onLost: events.lost,
      onMoved: () => events.lost(new Error('The slot of a channel has moved to another server')),
    });

  function connect(at: ServerAddress): Connection {
    const address = addressOf(at);
    const known = connections.get(address);
    if (known !== undefined) return known.connection;
    const connection = open(at, {
      ready: () => isComplete() && changed.ready(),
      lost: (failure) => masters.has(address) && changed.lost(failure),
    });
    connections.set(address, { at, connection });
    return connection;
  }

  const isComplete = () =>
    masters.size > 0 &&
    !owners.includes(undefined) &&
    [...masters].every((address) => connections.get(address)?.connection.client !== undefined);

  /** What the connected nodes say; those of the configuration, where none is. */
  async function ask(): Promise<Topology | undefined> {
    const connected = [...connections.values()].filter(({ connection }) => connection.client !== undefined);
    const asked = connected.map(({ at, connection }) => connection.run((client) => readTopology(client, at)));
    const views = await answersOf(asked);
    if (views.some(({ isServing }) => isServing)) return newestOf(views);
    const asking = seeds.map((seed) => askServer(seed, access, (client) => readTopology(client, seed)));
    return newestOf([...views, ...(await answersOf(asking))]);
  }

  async function refreshOnce(): Promise<void> {
    const view = await ask();
    if (closing.signal.aborted) return;
    if (view === undefined) return changed.lost(new Error('No node of the cluster responds'));
    owners = [...view.owners];
    masters = new Set(owners.filter((owner) => owner !== undefined));
    for (const address of masters) connect(parseAddress(address));
    for (const [address, { connection }] of connections) {
      if (masters.has(address)) continue;
      connections.delete(address);
      setTimeout(connection.close, CLOSE_AFTER_MS);
    }
    if (isComplete()) changed.ready();
  }

  const refresh = () => {
    refreshing ??= refreshOnce().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  };

  async function keepCurrent(): Promise<void> {
    for (let round = 0; !closing.signal.aborted; round++) {
      if (!isComplete() || round % ROUTINE_REFRESH === 0) await refresh();
      await sleep(REFRESH_MS, closing.signal);
    }
  }

  void keepCurrent();
  return {
    ofSlot(slot) {
      const owner = owners[slot];
      return owner === undefined ? undefined : connections.get(owner)?.connection;
    },
    ownerOf: (slot) => owners[slot],
    openSubscriber: (address, events) => open(parseAddress(address), events),
    at: (address) => connect(parseAddress(address)),
    moved(slot, address) {
      owners[slot] = address;
      masters.add(address);
      void refresh();
    },
    refresh,
    masters: () => [...masters].flatMap((address) => connections.get(address)?.connection ?? []),
    isComplete,
    close() {
      closing.abort();
      for (const { connection } of connections.values()) connection.close();
    },
  };
}

/** Those of the nodes that have answered: one that has not is not a failure of the others. */
async function answersOf<Answer>(asked: readonly Promise<Answer>[]): Promise<Answer[]> {
  const settled = await Promise.allSettled(asked);
  return settled.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}
