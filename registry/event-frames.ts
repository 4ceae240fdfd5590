import type { ServiceChange } from '#contracts/registry';
import { eventFrame } from '#kit/http/sse';
import type { Table } from './table';

export interface EventFrames {
  /** The events that bring a watcher from a revision to the present; a snapshot for one that has nothing (-1). */
  owedSince(revision: number): readonly Uint8Array[];
}

/** The table's events as bytes, each encoded once however many watchers are told of it. */
export function createEventFrames(table: Table): EventFrames {
  const encoder = new TextEncoder();
  const changes = new Map<string, { revision: number; frame: Uint8Array }>();
  let snapshot: { revision: number; complete: boolean | undefined; frame: Uint8Array } | undefined;

  const encode = (event: string, revision: number, data: object) =>
    encoder.encode(eventFrame({ id: `${table.epoch}:${revision}`, event, data }));

  function changeFrame(change: ServiceChange): Uint8Array {
    const known = changes.get(change.name);
    if (known?.revision === change.revision) return known.frame;
    const made = { revision: change.revision, frame: encode('change', change.revision, change) };
    changes.set(change.name, made);
    return made.frame;
  }

  function snapshotFrame(): Uint8Array {
    const revision = table.revision();
    const complete = table.isComplete();
    if (snapshot?.revision !== revision || snapshot.complete !== complete)
      snapshot = { revision, complete, frame: encode('snapshot', revision, table.snapshot()) };
    return snapshot.frame;
  }

  function forgetGone() {
    for (const name of changes.keys()) if (!table.service(name)) changes.delete(name);
  }

  return {
    owedSince(revision) {
      const owed = revision < 0 ? undefined : table.since(revision);
      if (owed) return owed.map(changeFrame);
      forgetGone();
      return [snapshotFrame()];
    },
  };
}
