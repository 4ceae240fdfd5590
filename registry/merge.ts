import type { Instance } from '#contracts/registry';
import { type ClaimConflict, claimsOf } from './claims';
import { createGoneRecords } from './gone-records';
import type { Entry, Rows } from './rows';
import {
  type GoneRecord,
  type InstanceKey,
  type PresentRecord,
  recordOf,
  type SharedRecord,
  versionAfter,
} from './shared-records';

/** Where a table tells what has changed in it, when replicas share it. */
export interface ShareOptions {
  /** Tells versions of replicas apart that were made at once. */
  readonly replica: string;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Whether whoever is not in the table is not there. */
  readonly isComplete: () => boolean;
  /** The record of this instance has changed here. */
  readonly changed: (instance: InstanceKey) => void;
  /** This instance was heard here, and nothing has changed. */
  readonly heard: (instance: InstanceKey & Pick<Instance, 'load'>) => void;
}

export interface MergeResult {
  /** `refuted`: another replica thought it gone, but it has been heard here. */
  readonly outcome: 'applied' | 'known' | 'refuted';
  /** Another service owns what this instance claims: both registered at the same moment, at different replicas. */
  readonly conflict?: ClaimConflict | undefined;
}

/** What a merge does with the table besides its rows. */
interface Hands {
  readonly time: () => number;
  readonly hear: (entry: Entry, reported: Entry['reported'], here: boolean) => void;
  readonly show: (entry: Entry, view: Instance) => void;
  readonly enter: (entry: Omit<Entry, 'heardAt' | 'protectedAt'>) => void;
  readonly unhealthyMs: number;
}

export type Merging = ReturnType<typeof createMerging>;

/**
 * The shared side of a table: gives changes made here their versions, and takes over those of other replicas. Of two
 * records of one instance the later version holds, in whatever order and however often they come.
 */
export function createMerging(rows: Rows, share: ShareOptions | undefined, hands: Hands) {
  const gone = createGoneRecords();

  /** Empty when nothing is known of it. */
  function versionOf(key: InstanceKey): string {
    const present = rows.get(key.name, key.instance_id)?.version ?? '';
    const past = gone.get(key)?.version ?? '';
    if (present > past) return present;
    return past;
  }

  const nextVersion = (key: InstanceKey, { wallClock, replica }: ShareOptions) =>
    versionAfter(versionOf(key), wallClock(), replica);

  /** To be called when an instance was entered or changed here. */
  function changedHere(entry: Entry): void {
    if (!share) return;
    entry.version = nextVersion(entry.view, share);
    gone.delete(entry.view);
    share.changed(entry.view);
  }

  /** To be called before an instance is dropped here. */
  function goneHere({ view }: Entry, why: GoneRecord['gone']): void {
    if (!share) return;
    const { name, instance_id } = view;
    gone.add({ name, instance_id, version: nextVersion(view, share), gone: why });
    share.changed(view);
  }

  function merge(record: SharedRecord): MergeResult {
    const known = rows.get(record.name, record.instance_id);
    if (record.version <= versionOf(record)) return { outcome: 'known' };
    if (!('gone' in record)) return { outcome: 'applied', conflict: takeOver(record, known) };
    if (known && record.gone === 'expired' && wasHeardHere(known)) {
      known.version = record.version;
      changedHere(known);
      return { outcome: 'refuted' };
    }
    if (known) {
      rows.drop(known);
      rows.changed(record.name, hands.time());
    }
    gone.add(record);
    return { outcome: 'applied' };
  }

  const wasHeardHere = ({ heardHere, heardAt }: Entry) =>
    heardHere && hands.time() - heardAt < hands.unhealthyMs;

  function takeOver(record: PresentRecord, known: Entry | undefined): ClaimConflict | undefined {
    const { reported, version } = record;
    const secretHash = Buffer.from(record.secret_hash, 'base64url');
    const claims = claimsOf(record.instance);
    const state = { state: reported, protected: false } as const;
    gone.delete(record);
    if (known) {
      rows.claims.release(known.view, known.claims);
      rows.claims.hold(record.instance, claims);
      Object.assign(known, { secretHash, claims, version });
      hands.hear(known, reported, false);
      const { load, changed_at_revision: revision } = known.view;
      hands.show(known, {
        ...record.instance,
        ...state,
        ...(load !== undefined && { load }),
        changed_at_revision: revision,
      });
    } else {
      const view = { ...record.instance, ...state, changed_at_revision: 0 };
      hands.enter({ view, secretHash, claims, version, reported, heardHere: false });
    }
    return rows.claims.conflict(record.name, claims);
  }

  /** Another replica has heard it. False when it is not known here: its record has not arrived. */
  function heardElsewhere(key: InstanceKey, load: number | undefined): boolean {
    const entry = rows.get(key.name, key.instance_id);
    if (!entry) return gone.get(key) !== undefined;
    hands.hear(entry, entry.reported, false);
    if (load !== undefined) entry.view = { ...entry.view, load };
    hands.show(entry, { ...entry.view, state: entry.reported, protected: false });
    return true;
  }

  return {
    changedHere,
    goneHere,
    heardHere: (entry: Entry) => share?.heard(entry.view),
    merge,
    heardElsewhere,
    forget() {
      if (share) gone.forget(share.wallClock());
    },
    versionOf,
    record(key: InstanceKey): SharedRecord | undefined {
      const entry = rows.get(key.name, key.instance_id);
      return entry ? recordOf(entry) : gone.get(key);
    },
    /** All that is known, whatever came of it. */
    keys: (): InstanceKey[] => [
      ...rows.names().flatMap((name) => rows.entriesOf(name).map(({ view }) => view)),
      ...gone.all(),
    ],
  };
}
