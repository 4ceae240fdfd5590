import calculateSlot from 'cluster-key-slot';

/** The hash slot of a key or a channel of a shard (Redis Cluster specification, "Key distribution model"). */
export const slotOf = (key: string): number => calculateSlot(key);

/** Whether all keys of one call are on one server of a cluster. */
export function shareSlot([first = '', ...others]: readonly string[]): boolean {
  if (others.length === 0) return true;
  const slot = slotOf(first);
  return others.every((key) => slotOf(key) === slot);
}
