import type { ServiceChange } from '#contracts/registry';
import { eventFrame } from '#kit/http/streams/sse';
import type { Table } from '../table/model';

export interface EventFrames {
  /** The events that bring a watcher from a revision to the present; a snapshot for a new watcher (-1). */
  since(revision: number): readonly Uint8Array[];
}

/** The table's events as bytes, each encoded once for all watchers. */
export function createEventFrames(table: Table): EventFrames {
  const encoder = new TextEncoder();
  /** One entry a service, so as bounded as the table. */
  const changes = new Map<string, { revision: number; frame: Uint8Array }>();
  let snapshot: { revision: number; complete: boolean | undefined; frame: Uint8Array } | undefined;

  const encode = (event: string, revision: number, data: object) =>
    encoder.encode(eventFrame({ id: `${table.epoch}:${revision}`, event, data }));

  function changeFrame(change: ServiceChange): Uint8Array {
    const cached = changes.get(change.name);
    if (cached?.revision === change.revision) return cached.frame;
    const encoded = { revision: change.revision, frame: encode('change', change.revision, change) };
    changes.set(change.name, encoded);
    return encoded.frame;
  }

  function snapshotFrame(): Uint8Array {
    const revision = table.revision();
    const complete = table.isComplete();
    if (snapshot?.revision !== revision || snapshot.complete !== complete)
      snapshot = { revision, complete, frame: encode('snapshot', revision, table.snapshot()) };
    return snapshot.frame;
  }

  function evictPurgedServices() {
    for (const name of changes.keys()) if (!table.service(name)) changes.delete(name);
  }

  return {
    since(revision) {
      const pending = revision < 0 ? undefined : table.since(revision);
      if (pending) return pending.map(changeFrame);
      evictPurgedServices();
      return [snapshotFrame()];
    },
  };
}
