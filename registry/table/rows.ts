import type { Instance, ServiceChange } from '#contracts/registry';
import { createAddresses } from './addresses';
import { type Claim, createClaims } from './claims';
import type { Leased } from './expiry';
import { isSecret } from './lease-secret';

export interface TableLimits {
  readonly services: number;
  readonly instances: number;
  readonly instancesPerService: number;
  /** Services without instances whose names are retained: how many, and for how long. */
  readonly tombstones: number;
  readonly tombstoneMs: number;
}

export const DEFAULT_LIMITS: TableLimits = {
  services: 1_000,
  instances: 10_000,
  instancesPerService: 1_000,
  tombstones: 1_000,
  tombstoneMs: 3_600_000,
};

/** One instance: its public view, and what only the registry knows. */
export interface Entry extends Leased {
  /** Replaced, never mutated: listings already returned must not change under their reader. */
  view: Instance;
  secretHash: Buffer;
  claims: readonly Claim[];
  renewedAt: number;
  /** False when its last heartbeat reached another replica, or none has arrived since this one started. */
  renewedLocally: boolean;
  /** The version of its record; empty without replication. */
  version: string;
  reported: Leased['reported'];
  protectedAt: number | undefined;
  isGone: boolean;
  /** Registered with the credential of its service. */
  readonly isOwned: boolean;
}

interface Service {
  readonly name: string;
  readonly entries: Map<string, Entry>;
  /** The revision of its last change. */
  revision: number;
  emptySince: number | undefined;
  /** Only the holder of its credential registers further instances, until the name is forgotten. */
  isOwned: boolean;
}

export type Rows = ReturnType<typeof createRows>;

/** The table's data: services, their instances, claims, and the revision of each service's last change. */
export function createRows(limits: TableLimits) {
  const services = new Map<string, Service>();
  const entriesById = new Map<string, Set<Entry>>();
  const claims = createClaims();
  const addresses = createAddresses<Entry>();
  let revision = 0;
  let instanceCount = 0;
  let liveServiceCount = 0;
  /** The last change of any purged service: a watcher behind it must start from a snapshot. */
  let purgedRevision = 0;

  function add(entry: Entry) {
    const { name, instance_id: instanceId } = entry.view;
    const known = services.get(name);
    const service = known ?? { name, entries: new Map(), revision, emptySince: undefined, isOwned: false };
    service.isOwned ||= entry.isOwned;
    if (service.entries.size === 0) liveServiceCount++;
    services.set(name, service);
    service.entries.set(instanceId, entry);
    entriesById.set(instanceId, (entriesById.get(instanceId) ?? new Set()).add(entry));
    claims.acquire(entry.view, entry.claims);
    addresses.add(entry);
    instanceCount++;
  }

  function remove(entry: Entry) {
    const { name, instance_id: instanceId } = entry.view;
    const service = services.get(name);
    service?.entries.delete(instanceId);
    if (service?.entries.size === 0) liveServiceCount--;
    const sameId = entriesById.get(instanceId);
    sameId?.delete(entry);
    if (sameId?.size === 0) entriesById.delete(instanceId);
    claims.release(entry.view, entry.claims);
    addresses.remove(entry);
    instanceCount--;
  }

  /** Two services may use one instance id: the secret then identifies the instance. */
  function find(instanceId: string, secret: string): Entry | 'unknown' | 'wrong-secret' {
    const sameId = entriesById.get(instanceId);
    if (!sameId) return 'unknown';
    return [...sameId].find((entry) => isSecret(secret, entry.secretHash)) ?? 'wrong-secret';
  }

  /** Advances the revision by one for a change of a service, and returns it. */
  function bumpRevision(name: string, time: number): number {
    revision++;
    const service = services.get(name);
    if (service) {
      service.revision = revision;
      service.emptySince = service.entries.size === 0 ? time : undefined;
    }
    return revision;
  }

  /** @param waiting how many instances, in all and of this service, are not verified yet */
  function reachedLimit(name: string, waiting: { all: number; ofService: number }) {
    const own = services.get(name)?.entries.size ?? 0;
    if (instanceCount + waiting.all >= limits.instances) return 'instances';
    if (own + waiting.ofService >= limits.instancesPerService) return 'instancesPerService';
    if (own === 0 && liveServiceCount >= limits.services) return 'services';
    return undefined;
  }

  function purgeTombstones(time: number) {
    const tombstones = [...services.values()]
      .filter((service) => service.emptySince !== undefined)
      .sort((left, right) => left.revision - right.revision);
    const surplus = tombstones.length - limits.tombstones;
    for (const [index, service] of tombstones.entries()) {
      if (index >= surplus && time - (service.emptySince ?? time) < limits.tombstoneMs) continue;
      services.delete(service.name);
      purgedRevision = Math.max(purgedRevision, service.revision);
    }
  }

  function since(seen: number): ServiceChange[] | undefined {
    if (seen < purgedRevision || seen > revision) return undefined;
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
    remove,
    bumpRevision,
    claims,
    addresses,
    isOwned: (name: string) => services.get(name)?.isOwned ?? false,
    reachedLimit,
    purgeTombstones,
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
