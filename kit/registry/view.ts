import type { Instance, ServiceChange, ServicesSnapshot } from '#contracts/registry';

/** The lease's last step: by then an instance that still runs has registered again with a new registry. */
export const KEEP_MS = 30_000;

export interface RegistryView {
  /** Takes over a whole table. Returns the names of the services that look different now. */
  replace(snapshot: ServicesSnapshot): string[];
  /** Takes over one service. Returns the names of the services that look different now. */
  apply(change: ServiceChange): string[];
  /** Lets go of what was kept from an earlier registry long enough. Returns the names changed. */
  expire(): string[];
  instances(name: string): readonly Instance[];
  snapshot(): ServicesSnapshot;
  /** False while the only registry ever heard of is so new that it may not know everybody. */
  isSettled(): boolean;
  /** Where a stream may resume; the epoch is empty before the first table. */
  position(): { readonly epoch: string; readonly revision: number };
}

/** A heartbeat of 5 s with its jitter, and a moment to register: by then a new registry knows who is there. */
const SETTLE_MS = 7_000;

interface Kept {
  readonly untilMs: number;
  readonly services: Map<string, Map<string, Instance>>;
}

/**
 * What a client knows of the registry's table, across restarts of the registry.
 *
 * A new registry (another epoch) has heard from nobody yet. What the earlier one knew is kept beside the new table
 * for one lease: an instance until the new registry has spoken of it, a service until the new registry says
 * that it is empty. So a restart empties no view, and "all gone" still takes effect at once. A replica that shares its
 * table with others knows everybody, however new it is, and is believed at once.
 *
 * @param now monotonic milliseconds
 * @param wallClock milliseconds since 1970
 */
export function createRegistryView(now: () => number, wallClock: () => number = Date.now): RegistryView {
  let epoch = '';
  let startedAt = '';
  let settledAtMs = Number.POSITIVE_INFINITY;
  let revision = 0;
  let told = new Map<string, readonly Instance[]>();
  const merged = new Map<string, readonly Instance[]>();
  let kept: Kept | undefined;

  function replace(snapshot: ServicesSnapshot): string[] {
    const isOtherRegistry = epoch !== '' && snapshot.epoch !== epoch;
    if (isOtherRegistry) kept = { untilMs: now() + KEEP_MS, services: indexed(merged) };
    if (epoch === '') settledAtMs = now() + settlesInMs(snapshot, wallClock());
    if (snapshot.complete) {
      kept = undefined;
      settledAtMs = Math.min(settledAtMs, now());
    }
    epoch = snapshot.epoch;
    startedAt = snapshot.started_at;
    revision = snapshot.revision;
    told = new Map(Object.entries(snapshot.services));
    for (const [name, instances] of told) forgetSpokenOf(name, instances);
    return merge();
  }

  function apply(change: ServiceChange): string[] {
    revision = change.revision;
    told.set(change.name, change.instances);
    forgetSpokenOf(change.name, change.instances);
    return merge([change.name]);
  }

  function expire(): string[] {
    if (!kept || now() < kept.untilMs) return [];
    kept = undefined;
    return merge();
  }

  function forgetSpokenOf(name: string, instances: readonly Instance[]) {
    if (instances.length === 0) kept?.services.delete(name);
    else for (const { instance_id } of instances) kept?.services.get(name)?.delete(instance_id);
  }

  function merge(names: Iterable<string> = allNames()): string[] {
    const changed: string[] = [];
    for (const name of new Set(names)) {
      const before = merged.get(name);
      const after = [...(told.get(name) ?? []), ...(kept?.services.get(name)?.values() ?? [])];
      if (told.has(name) || after.length > 0) merged.set(name, after);
      else merged.delete(name);
      if (!Bun.deepEquals(before ?? [], after)) changed.push(name);
    }
    return changed;
  }

  const allNames = () => [...merged.keys(), ...told.keys(), ...(kept?.services.keys() ?? [])];

  return {
    replace,
    apply,
    expire,
    position: () => ({ epoch, revision }),
    instances: (name) => merged.get(name) ?? [],
    isSettled: () => now() >= settledAtMs,
    snapshot: () => ({
      epoch,
      started_at: startedAt,
      revision,
      services: Object.fromEntries([...merged].map(([name, instances]) => [name, [...instances]])),
    }),
  };
}

/** Clocks of two hosts may differ: whatever they say, a registry is not waited for longer than it takes to settle. */
function settlesInMs(snapshot: ServicesSnapshot, wallClockMs: number): number {
  const ageMs = Math.max(0, wallClockMs - Date.parse(snapshot.started_at));
  return Math.max(0, SETTLE_MS - ageMs);
}

const indexed = (services: ReadonlyMap<string, readonly Instance[]>) =>
  new Map(
    [...services].map(([name, instances]) => [
      name,
      new Map(instances.map((instance) => [instance.instance_id, instance])),
    ]),
  );
