import type { Command } from '../child';
import type { NodeAddress } from './nodes';

/** Where the nodes of a cluster are, and what connects them. */
export interface Network {
  /** The IPv4 address at which the other nodes and the processes of Rookery reach a node. */
  readonly addressOf: (node: NodeAddress) => string;
  /** Whether a node sees the loopback addresses of the others. */
  readonly isShared: boolean;
  /** A command as it is run on a node, by name. */
  readonly on: (node: string, command: Command) => Command;
  /** @throws when it cannot be set up */
  readonly open: () => Promise<void>;
  readonly close: () => Promise<void>;
  /**
   * Partitions a node, by name, from all others and from the processes of Rookery: its packets are lost, no connection is
   * closed.
   *
   * @throws where all nodes share the loopback interface
   */
  readonly cut: (node: string) => Promise<void>;
  /** Ends the partition of a node. */
  readonly join: (node: string) => Promise<void>;
}

/** Each node has a loopback address of its own. Needs no rights; nodes cannot be partitioned. */
export function loopbackNetwork(): Network {
  const nothing = async () => undefined;
  const refuse = async (node: string) => {
    throw new Error(`${node} cannot be partitioned on loopback addresses: use network namespaces`);
  };
  return {
    addressOf: ({ host }) => `127.0.0.${host}`,
    isShared: true,
    on: (_, command) => command,
    open: nothing,
    close: nothing,
    cut: refuse,
    join: refuse,
  };
}
