import type { Drains } from '../drains/drains';
import type { Table } from '../table/model';
import { parseKey } from '../table/records';
import type { ReplicaMessage } from './messages';
import type { RecordStore } from './record-store';

/** Changes within this time are published together. */
const BATCH_MS = 2;

interface PublisherOptions {
  /** The epoch of this replica's table. */
  readonly replica: string;
  /** Undefined until replication has started. */
  readonly source: () => { store: RecordStore; table: Table; drains: Drains } | undefined;
  /** For how long this replica can vouch that the records are complete, in milliseconds; 0 when it cannot. */
  readonly completeMs: () => number;
  readonly succeeded: () => void;
  readonly failed: (failure: unknown) => void;
}

/** Collects the changes, heartbeats and drain acknowledgements of this replica, and publishes them in batches. */
export function createPublisher(options: PublisherOptions) {
  const changed = new Set<string>();
  const heartbeats = new Map<string, number | null>();
  let acknowledgements: ReplicaMessage['acknowledgements'] = [];
  let timer: Timer | undefined;
  let publishing: Promise<void> = Promise.resolve();
  /** Whether a publication has yet to start: it includes everything added until then. */
  let isQueued = false;

  function schedule() {
    timer ??= setTimeout(() => void publish(), BATCH_MS);
  }

  /** Publishes one message at a time, so that a record never overtakes its successor. */
  function publish(sign?: ReplicaMessage['sign']): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (isQueued && sign === undefined) return publishing;
    isQueued = true;
    publishing = publishing.then(() => {
      isQueued = false;
      return send(sign);
    });
    return publishing;
  }

  async function send(sign: ReplicaMessage['sign']): Promise<void> {
    const source = options.source();
    if (!source) return;
    const { store, table, drains } = source;
    const batch = { changed: [...changed], heartbeats: [...heartbeats], acknowledgements };
    changed.clear();
    heartbeats.clear();
    acknowledgements = [];
    const message: ReplicaMessage = {
      from: options.replica,
      ...(sign && { sign }),
      records: batch.changed
        .map((key) => table.record(parseKey(key)))
        .filter((record) => record !== undefined),
      beats: batch.heartbeats,
      drains: drains.reports(),
      acknowledgements: batch.acknowledgements,
    };
    try {
      await store.publish(message, options.completeMs());
      options.succeeded();
    } catch (failure) {
      options.failed(failure);
      // Newer heartbeats take precedence. Acknowledgements are not retried: their waits have timed out by then.
      for (const key of batch.changed) changed.add(key);
      for (const [key, load] of batch.heartbeats) if (!heartbeats.has(key)) heartbeats.set(key, load);
    }
  }

  return {
    /** Publishes the record of an instance with the next message. */
    addChange: (key: string) => void changed.add(key),
    addHeartbeat: (key: string, load: number | undefined) => void heartbeats.set(key, load ?? null),
    addAcknowledgement: (acknowledgement: ReplicaMessage['acknowledgements'][number]) =>
      void acknowledgements.push(acknowledgement),
    hasChanges: () => changed.size > 0,
    schedule,
    publish,
  };
}
