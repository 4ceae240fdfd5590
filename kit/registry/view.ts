import type { Instance, ServiceChange, ServicesSnapshot } from '#contracts/registry';

/** How long a service without instances is remembered, as in the registry. */
export const TOMBSTONE_MS = 3_600_000;
/** The last step of a lease: by then a running instance has registered again with a new registry. */
export const RETENTION_MS = 30_000;

export interface RegistryView {
  /** Replaces the whole table. Returns the names of the changed services. */
  replace(snapshot: ServicesSnapshot): string[];
  /** Replaces one service. Returns the names of the changed services. */
  apply(change: ServiceChange): string[];
  /** Drops what is over: instances of an earlier registry, services that ended an hour ago. Returns the names of the changed services. */
  expire(): string[];
  instances(name: string): readonly Instance[];
  snapshot(): ServicesSnapshot;
  /** False while the only registry ever heard from is so new that it may not have all instances. */
  isSettled(): boolean;
  /** Where a stream can resume; the epoch is empty before the first table. */
  position(): { readonly epoch: string; readonly revision: number };
}

/** A heartbeat of 5 s with its jitter, and time to register: by then a new registry has all instances. */
const SETTLE_MS = 7_000;

interface Retained {
  readonly untilMs: number;
  readonly services: Map<string, Map<string, Instance>>;
}

/**
 * Creates a client's view of the registry's table, which survives restarts of the registry.
 *
 * A new registry (another epoch) has no instances yet. Those of the earlier one are retained beside the new table for one
 * lease: an instance until the new registry lists it, a service until the new registry reports it as empty. So a restart
 * empties no view, and "all gone" still takes effect immediately. A replica that shares its table with others is complete
 * from its start, and retains nothing.
 *
 * @param now monotonic milliseconds
 * @param wallClock milliseconds since 1970
 */
export function createRegistryView(now: () => number, wallClock: () => number = Date.now): RegistryView {
  let epoch = '';
  let startedAt = '';
  let settledAtMs = Number.POSITIVE_INFINITY;
  let revision = 0;
  let reported = new Map<string, readonly Instance[]>();
  const merged = new Map<string, readonly Instance[]>();
  let retained: Retained | undefined;
  /** By service, since when it has had no instance. */
  const emptySince = new Map<string, number>();

  function replace(snapshot: ServicesSnapshot): string[] {
    const isOtherRegistry = epoch !== '' && snapshot.epoch !== epoch;
    if (isOtherRegistry) retained = { untilMs: now() + RETENTION_MS, services: indexed(merged) };
    if (epoch === '') settledAtMs = now() + settlesInMs(snapshot, wallClock());
    if (snapshot.complete) {
      retained = undefined;
      settledAtMs = Math.min(settledAtMs, now());
    }
    epoch = snapshot.epoch;
    startedAt = snapshot.started_at;
    revision = snapshot.revision;
    reported = new Map(Object.entries(snapshot.services));
    for (const [name, instances] of reported) dropRetained(name, instances);
    return merge();
  }

  function apply(change: ServiceChange): string[] {
    revision = change.revision;
    reported.set(change.name, change.instances);
    dropRetained(change.name, change.instances);
    return merge([change.name]);
  }

  function expire(): string[] {
    const faded = [...emptySince].filter(([, sinceMs]) => now() - sinceMs >= TOMBSTONE_MS);
    for (const [name] of faded) {
      reported.delete(name);
      merged.delete(name);
      emptySince.delete(name);
    }
    const names = faded.map(([name]) => name);
    if (!retained || now() < retained.untilMs) return names;
    retained = undefined;
    return [...names, ...merge()];
  }

  function dropRetained(name: string, instances: readonly Instance[]) {
    if (instances.length === 0) retained?.services.delete(name);
    else for (const { instance_id } of instances) retained?.services.get(name)?.delete(instance_id);
  }

  function merge(names: Iterable<string> = allNames()): string[] {
    const changed: string[] = [];
    for (const name of new Set(names)) {
      const before = merged.get(name);
      const after = [...(reported.get(name) ?? []), ...(retained?.services.get(name)?.values() ?? [])];
      if (reported.has(name) || after.length > 0) merged.set(name, after);
      else merged.delete(name);
      if (after.length > 0 || !merged.has(name)) emptySince.delete(name);
      else if (!emptySince.has(name)) emptySince.set(name, now());
      if (!Bun.deepEquals(before ?? [], after)) changed.push(name);
    }
    return changed;
  }

  const allNames = () => [...merged.keys(), ...reported.keys(), ...(retained?.services.keys() ?? [])];

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

/** Clocks of two hosts may differ: a registry is never waited for longer than it takes to settle. */
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
