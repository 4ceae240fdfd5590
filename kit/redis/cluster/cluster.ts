import { sleep } from '../../core/back-off';
import type { RedisAddress } from '../address';
import { type ClosableRedis, checkedRoute, type Route, routedCommands, scanOf, zScanOf } from '../commands';
import { type Client, type Connection, RedisOffline } from '../connection';
import type { RedisOptions } from '../events';
import { slotOf } from '../slots';
import { openChannels } from './channels';
import { type Nodes, openNodes } from './nodes';
import { type Redirect, redirectOf } from './redirects';

/** A slot moves once; more redirects are nodes that disagree. */
const MAX_REDIRECTS = 5;
const TRY_AGAIN_MS = 25;

type Asks = <Reply>(command: (client: Client) => Promise<Reply>) => Promise<Reply>;

/**
 * A Redis Cluster, over one connection to each master, and another where it has channels. The client of `redis` has a cluster
 * client, which waits without limit for a node that has stopped, also when it asks it for the others.
 */
export function openCluster(
  options: RedisOptions,
  address: Extract<RedisAddress, { kind: 'cluster' }>,
): ClosableRedis {
  const { events } = options;
  let isLost = true;
  const lost = (failure: unknown) => {
    isLost = true;
    events.lost(failure);
  };
  const changed = { ready: () => void subscribe(), lost };
  const nodes = openNodes(options, address, changed);
  const route = routeTo(nodes, options.replyTimeoutMs);
  const commands = routedCommands(checkedRoute(route));
  const publish = (channel: string, message: string) =>
    route([channel], (client) => client.sPublish(channel, message));
  const channels = openChannels(nodes, { timeoutMs: options.replyTimeoutMs, publish, changed });

  /** After a change of the cluster: channels may be elsewhere. */
  async function subscribe(): Promise<void> {
    const isPlaced = await channels.place();
    if (!isPlaced || !isLost || !nodes.isComplete()) return;
    isLost = false;
    events.ready();
  }

  return {
    ...commands,
    ofGroup: commands,
    isCluster: true,
    get isReady() {
      return nodes.isComplete();
    },
    async ping() {
      if (!nodes.isComplete()) throw new RedisOffline();
      await Promise.all(nodes.masters().map((node) => node.run((client) => client.ping())));
    },
    catchUp: channels.catchUp,
    publish,
    subscribe: channels.subscribe,
    unsubscribe: channels.unsubscribe,
    async *scanIterator(scan) {
      for (const node of nodes.masters()) yield* scanOf(node.run, scan);
    },
    zScanIterator: (key, scan) => zScanOf(commands, key, scan),
    family: (name) => `{${name}}`,
    groups: (items, keyOf) => [...Map.groupBy(items, (item) => slotOf(keyOf(item))).values()],
    onReady: events.onReady,
    onLost: events.onLost,
    close() {
      channels.close();
      nodes.close();
    },
  };
}

/** Follows the redirects of nodes. A command is repeated only where a node has refused to execute it. */
function routeTo(nodes: Nodes, timeoutMs: number): Route {
  /** Where a command is to be sent next. */
  async function follow(redirect: Redirect, slot: number): Promise<Asks> {
    if (redirect.kind === 'TRYAGAIN') {
      await sleep(TRY_AGAIN_MS);
      return asksOf(nodes.ofSlot(slot));
    }
    const node = nodes.at(redirect.address);
    if (redirect.kind === 'MOVED') nodes.moved(slot, redirect.address);
    await node.whenReady(timeoutMs);
    return redirect.kind === 'MOVED' ? node.run : (command) => node.run((client) => asking(client, command));
  }

  return async (keys, command) => {
    const slot = slotOf(keys[0] ?? '');
    let run = asksOf(nodes.ofSlot(slot));
    for (let redirects = 0; ; redirects++) {
      try {
        return await run(command);
      } catch (failure) {
        const redirect = redirects < MAX_REDIRECTS ? redirectOf(failure) : undefined;
        if (redirect === undefined) throw failure;
        run = await follow(redirect, slot);
      }
    }
  };
}

function asksOf(node: Connection | undefined): Asks {
  if (node === undefined) throw new RedisOffline();
  return node.run;
}

/** A slot that is moving to this node: `ASKING` holds for the next command of the connection. */
async function asking<Reply>(client: Client, command: (client: Client) => Promise<Reply>): Promise<Reply> {
  const [, reply] = await Promise.all([client.sendCommand(['ASKING']), command(client)]);
  return reply;
}
