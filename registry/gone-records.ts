import { type GoneRecord, type InstanceKey, keyOf, millisecondsOfVersion } from './shared-records';

/** By then every replica has heard of it, or has been away for so long that silence removes what it brings back. */
export const GONE_KEPT_MS = 600_000;
/** The oldest are forgotten beyond this many. */
const MAXIMUM = 20_000;

export type GoneRecords = ReturnType<typeof createGoneRecords>;

/** Instances that are no more, so that a record of theirs that comes late does not bring them back. */
export function createGoneRecords() {
  const records = new Map<string, GoneRecord>();

  return {
    get: (key: InstanceKey) => records.get(keyOf(key)),
    add(record: GoneRecord): void {
      records.delete(keyOf(record));
      records.set(keyOf(record), record);
      for (const [oldest] of records) {
        if (records.size <= MAXIMUM) break;
        records.delete(oldest);
      }
    },
    delete: (key: InstanceKey) => void records.delete(keyOf(key)),
    /** @param wallClockMs milliseconds since 1970 */
    forget(wallClockMs: number): void {
      for (const [key, { version }] of records)
        if (wallClockMs - millisecondsOfVersion(version) > GONE_KEPT_MS) records.delete(key);
    },
    all: () => [...records.values()],
  };
}
