import { type ServerAddress, withoutBrackets } from '../../config/hosts';
import { authorityOf } from '../../core/address';
import type { Client } from '../connection';

export const SLOTS = 16_384;

/** Which master serves each slot, as one node of a cluster sees it. */
export interface Topology {
  /** Rises with every fail-over and every slot that moves. */
  readonly epoch: number;
  /** False when the node is cut off from the majority, or a slot has no master. */
  readonly isServing: boolean;
  /** The address of the master of each slot. */
  readonly owners: readonly (string | undefined)[];
}

export const addressOf = ({ host, port }: ServerAddress): string => authorityOf(host, port);

/** The address of a node. Nodes write IPv6 addresses without brackets. */
export function parseAddress(address: string): ServerAddress {
  const colon = address.lastIndexOf(':');
  return { host: withoutBrackets(address.slice(0, colon)), port: Number(address.slice(colon + 1)) };
}

/** Asks a node over an open connection. */
export async function readTopology(client: Client, from: ServerAddress): Promise<Topology> {
  const [info, shards] = await Promise.all([client.clusterInfo(), client.clusterSlots()]);
  const lines = info.split('\r\n');
  const readField = (name: string) =>
    lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
  const owners = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const { from: first, to: last, master } of shards)
    owners.fill(addressOf(master.host === '' ? { ...from, port: master.port } : master), first, last + 1);
  return {
    epoch: Number(readField('cluster_current_epoch')),
    isServing: readField('cluster_state') === 'ok',
    owners,
  };
}

/** The view of the majority: a node that is cut off keeps an old one. */
export const newestOf = (views: readonly Topology[]): Topology | undefined =>
  views.toSorted((a, b) => Number(b.isServing) - Number(a.isServing) || b.epoch - a.epoch)[0];
