import { type ClosableRedis, checkedRoute, type Route, routedCommands, scanOf, zScanOf } from './commands';
import { type ConnectionOptions, openConnection } from './connection';
import type { RedisOptions } from './events';

/** One server with all keys, over one connection. */
export function openServer(
  { events, name, replyTimeoutMs, checksKeys }: RedisOptions,
  target: Pick<ConnectionOptions, 'access' | 'locate' | 'verify'>,
): ClosableRedis {
  const connection = openConnection({
    ...target,
    name,
    replyTimeoutMs,
    isSharded: false,
    onReady: events.ready,
    onLost: events.lost,
  });
  const families = new Set<string>();
  const route: Route = (_, command) => connection.run(command);
  const commands = routedCommands(checksKeys ? checkedRoute(route, families) : route);
  const ping = async () => void (await connection.run((client) => client.ping()));
  return {
    ...commands,
    ofGroup: routedCommands(route),
    isCluster: false,
    get isReady() {
      return connection.client !== undefined;
    },
    ping,
    // Redis sends a message to its subscribers before it executes the next command.
    catchUp: ping,
    publish: (channel, message) => connection.run((client) => client.publish(channel, message)),
    subscribe: connection.subscribe,
    unsubscribe: connection.unsubscribe,
    scanIterator: (options) => scanOf(connection.run, options),
    zScanIterator: (key, options) => zScanOf(commands, key, options),
    family(prefix) {
      families.add(prefix);
      return prefix;
    },
    groups: (items) => (items.length === 0 ? [] : [[...items]]),
    onReady: events.onReady,
    onLost: events.onLost,
    close: connection.close,
  };
}
