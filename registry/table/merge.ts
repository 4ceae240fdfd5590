import type { Instance } from '#contracts/registry';
import { type ClaimConflict, claimsOf } from './claims';
import type { MergeResult, ReplicationHooks } from './model';
import {
  type InstanceKey,
  type InstanceRecord,
  nextVersion,
  type PresentRecord,
  type RemovedRecord,
  recordOf,
} from './records';
import { createRemovedRecords } from './removed-records';
import type { Entry, Rows } from './rows';

/** The operations of the table that a merge uses. */
interface TableOperations {
  readonly time: () => number;
  readonly renew: (entry: Entry, reported: Entry['reported'], at: 'local' | 'remote') => void;
  readonly setView: (entry: Entry, view: Instance) => void;
  readonly insert: (entry: Omit<Entry, 'renewedAt' | 'protectedAt' | 'isGone'>) => void;
  readonly unhealthyMs: number;
}

/**
 * The replicated side of a table: assigns versions to local changes, and applies those of other replicas. Of two records
 * of one instance the later version wins, in whatever order and however often they arrive.
 */
export function createMerging(rows: Rows, hooks: ReplicationHooks | undefined, table: TableOperations) {
  const removed = createRemovedRecords();

  /** Empty when the instance is unknown. */
  function versionOf(key: InstanceKey): string {
    const present = rows.get(key.name, key.instance_id)?.version ?? '';
    const past = removed.get(key)?.version ?? '';
    if (present > past) return present;
    return past;
  }

  const versionAfter = (key: InstanceKey, { wallClock, replica }: ReplicationHooks) =>
    nextVersion(versionOf(key), wallClock(), replica);

  /** To be called after an instance was registered or changed on this replica. */
  function changedLocally(entry: Entry): void {
    if (!hooks) return;
    entry.version = versionAfter(entry.view, hooks);
    removed.delete(entry.view);
    hooks.changed(entry.view);
  }

  /** To be called before an instance is removed on this replica. */
  function removingLocally({ view }: Entry, reason: RemovedRecord['gone']): void {
    if (!hooks) return;
    const { name, instance_id } = view;
    removed.add({ name, instance_id, version: versionAfter(view, hooks), gone: reason });
    hooks.changed(view);
  }

  function merge(record: InstanceRecord): MergeResult {
    const known = rows.get(record.name, record.instance_id);
    if (record.version <= versionOf(record)) return { outcome: 'stale' };
    if (!('gone' in record)) return { outcome: 'applied', conflict: apply(record, known) };
    if (known && record.gone === 'expired' && isAliveLocally(known)) {
      known.version = record.version;
      changedLocally(known);
      return { outcome: 'refuted' };
    }
    if (known) {
      rows.remove(known);
      rows.bumpRevision(record.name, table.time());
    }
    removed.add(record);
    return { outcome: 'applied' };
  }

  const isAliveLocally = ({ renewedLocally, renewedAt }: Entry) =>
    renewedLocally && table.time() - renewedAt < table.unhealthyMs;

  function apply(record: PresentRecord, known: Entry | undefined): ClaimConflict | undefined {
    const { reported, version } = record;
    const secretHash = Buffer.from(record.secret_hash, 'base64url');
    const claims = claimsOf(record.instance);
    const state = { state: reported, protected: false } as const;
    removed.delete(record);
    if (known) {
      rows.claims.release(known.view, known.claims);
      rows.claims.acquire(record.instance, claims);
      const before = known.view;
      Object.assign(known, { secretHash, claims, version });
      table.renew(known, reported, 'remote');
      const { load, changed_at_revision: revision } = known.view;
      table.setView(known, {
        ...record.instance,
        ...state,
        ...(load !== undefined && { load }),
        changed_at_revision: revision,
      });
      rows.addresses.remove(known, before);
      rows.addresses.add(known);
    } else {
      const view = { ...record.instance, ...state, changed_at_revision: 0 };
      const isOwned = record.owned ?? false;
      table.insert({ view, secretHash, claims, version, reported, isOwned, renewedLocally: false });
    }
    return rows.claims.conflict(record.name, claims);
  }

  /** False when the instance is unknown on this replica: its record has not arrived. */
  function renewedRemotely(key: InstanceKey, load: number | undefined): boolean {
    const entry = rows.get(key.name, key.instance_id);
    if (!entry) return removed.get(key) !== undefined;
    table.renew(entry, entry.reported, 'remote');
    if (load !== undefined) entry.view = { ...entry.view, load };
    table.setView(entry, { ...entry.view, state: entry.reported, protected: false });
    return true;
  }

  return {
    changedLocally,
    removingLocally,
    renewedLocally: (entry: Entry) => hooks?.renewed(entry.view),
    merge,
    renewedRemotely,
    purge() {
      if (hooks) removed.purge(hooks.wallClock());
    },
    versionOf,
    record(key: InstanceKey): InstanceRecord | undefined {
      const entry = rows.get(key.name, key.instance_id);
      return entry ? recordOf(entry) : removed.get(key);
    },
    /** All registered and all recently removed instances. */
    keys: (): InstanceKey[] => [
      ...rows.names().flatMap((name) => rows.entriesOf(name).map(({ view }) => view)),
      ...removed.all(),
    ],
  };
}
