import { LRUCache } from 'lru-cache';
import { type InstanceKey, keyOf, millisecondsOfVersion, type RemovedRecord } from './records';

/** After this every replica has received it, or was disconnected for so long that expiry removes what it restores. */
export const REMOVED_RETENTION_MS = 600_000;
const MAX_RECORDS = 20_000;

/** Removed instances, so that a late record of one does not restore it. Beyond the limit the oldest are evicted. */
export function createRemovedRecords() {
  const records = new LRUCache<string, RemovedRecord>({ max: MAX_RECORDS });

  return {
    // Reading one does not keep it longer.
    get: (key: InstanceKey) => records.peek(keyOf(key)),
    add: (record: RemovedRecord) => void records.set(keyOf(record), record),
    delete: (key: InstanceKey) => void records.delete(keyOf(key)),
    /** @param wallClockMs milliseconds since 1970 */
    purge(wallClockMs: number): void {
      for (const record of [...records.values()])
        if (wallClockMs - millisecondsOfVersion(record.version) > REMOVED_RETENTION_MS)
          records.delete(keyOf(record));
    },
    all: () => [...records.values()],
  };
}
