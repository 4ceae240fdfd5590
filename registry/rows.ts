import type { Instance, ServiceChange } from '#contracts/registry';
import { createClaims } from './claims';
import type { Leased } from './expiry';
import { isSecret } from './lease-secret';

export interface TableLimits {
  readonly services: number;
  readonly instances: number;
  readonly instancesPerService: number;
  /** Services all of whose instances are gone are remembered by name: at most so many, at most so long. */
  readonly tombstones: number;
  readonly tombstoneMs: number;
}

export const DEFAULT_LIMITS: TableLimits = {
  services: 1_000,
  instances: 10_000,
  instancesPerService: 1_000,
  tombstones: 1_000,
  tombstoneMs: 24 * 3_600_000,
};

/** One instance: what listings show of it, and what only the registry knows. */
export interface Entry extends Leased {
  /** Replaced, never changed: listings already handed out must not move under their reader. */
  view: Instance;
  secretHash: Buffer;
  claims: readonly string[];
  heardAt: number;
  /** False when another replica heard it, or nobody yet since this one has begun. */
  heardHere: boolean;
  /** Of its record, where replicas share it. */
  version: string;
  reported: Leased['reported'];
  protectedAt: number | undefined;
}

interface Service {
  readonly name: string;
  readonly entries: Map<string, Entry>;
  /** The revision of its last change. */
  revision: number;
  emptySince: number | undefined;
}

export type Rows = ReturnType<typeof createRows>;

/** The table's data: services, their instances, who claims what, and which revision changed what last. */
export function createRows(limits: TableLimits) {
  const services = new Map<string, Service>();
  const entriesById = new Map<string, Set<Entry>>();
  const claims = createClaims();
  let revision = 0;
  let instanceCount = 0;
  let liveServiceCount = 0;
  /** The last change of any forgotten service: who saw less must start from a snapshot. */
  let forgottenRevision = 0;

  function add(entry: Entry) {
    const { name, instance_id: instanceId } = entry.view;
    const service = services.get(name) ?? { name, entries: new Map(), revision, emptySince: undefined };
    if (service.entries.size === 0) liveServiceCount++;
    services.set(name, service);
    service.entries.set(instanceId, entry);
    entriesById.set(instanceId, (entriesById.get(instanceId) ?? new Set()).add(entry));
    claims.hold(entry.view, entry.claims);
    instanceCount++;
  }

  function drop(entry: Entry) {
    const { name, instance_id: instanceId } = entry.view;
    const service = services.get(name);
    service?.entries.delete(instanceId);
    if (service?.entries.size === 0) liveServiceCount--;
    const namesakes = entriesById.get(instanceId);
    namesakes?.delete(entry);
    if (namesakes?.size === 0) entriesById.delete(instanceId);
    claims.release(entry.view, entry.claims);
    instanceCount--;
  }

  /** Two services may use one instance id: the secret then tells whose it is. */
  function find(instanceId: string, secret: string): Entry | 'unknown' | 'wrong-secret' {
    const namesakes = entriesById.get(instanceId);
    if (!namesakes) return 'unknown';
    return [...namesakes].find((entry) => isSecret(secret, entry.secretHash)) ?? 'wrong-secret';
  }

  /** Counts one change of a service and returns its revision. */
  function changed(name: string, time: number): number {
    revision++;
    const service = services.get(name);
    if (service) {
      service.revision = revision;
      service.emptySince = service.entries.size === 0 ? time : undefined;
    }
    return revision;
  }

  function reachedLimit(name: string) {
    const own = services.get(name)?.entries.size ?? 0;
    if (instanceCount >= limits.instances) return 'instances';
    if (own >= limits.instancesPerService) return 'instancesPerService';
    if (own === 0 && liveServiceCount >= limits.services) return 'services';
    return undefined;
  }

  function forgetTombstones(time: number) {
    const tombstones = [...services.values()]
      .filter((service) => service.emptySince !== undefined)
      .sort((left, right) => left.revision - right.revision);
    const surplus = tombstones.length - limits.tombstones;
    for (const [index, service] of tombstones.entries()) {
      if (index >= surplus && time - (service.emptySince ?? time) < limits.tombstoneMs) continue;
      services.delete(service.name);
      forgottenRevision = Math.max(forgottenRevision, service.revision);
    }
  }

  function since(seen: number): ServiceChange[] | undefined {
    if (seen < forgottenRevision || seen > revision) return undefined;
    return [...services.values()]
      .filter((service) => service.revision > seen)
      .sort((left, right) => left.revision - right.revision)
      .map(changeOf);
  }

  return {
    revision: () => revision,
    get: (name: string, instanceId: string) => services.get(name)?.entries.get(instanceId),
    find,
    add,
    drop,
    changed,
    claims,
    reachedLimit,
    forgetTombstones,
    since,
    names: () => [...services.keys()],
    entriesOf: (name: string) => [...(services.get(name)?.entries.values() ?? [])],
    service(name: string): ServiceChange | undefined {
      const service = services.get(name);
      return service && changeOf(service);
    },
    all: () => [...services.values()].map(changeOf),
  };
}

const changeOf = (service: Service): ServiceChange => ({
  revision: service.revision,
  name: service.name,
  instances: [...service.entries.values()].map((entry) => entry.view),
});
