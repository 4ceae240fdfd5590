import { Counter, Gauge, type Registry } from 'prom-client';
import type { Instance, InstanceState } from '#contracts/registry';
import type { Runtime } from '#kit/core/runtime';
import type { Drains } from './drains';
import type { Sharing } from './sharing';
import type { Table } from './table';
import type { Watchers } from './watchers';

/** Measured when they are asked for: what the table holds, and who watches it. */
export function observeRegistry(
  runtime: Runtime,
  deps: {
    readonly table: Table;
    readonly watchers: Watchers;
    readonly drains: Drains;
    readonly sharing: Sharing | undefined;
  },
): void {
  const registers = [runtime.metrics];
  new Gauge({
    name: 'registry_instances',
    help: 'Instances in the table, by state',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(countByState(instancesOf(deps.table))))
        this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'registry_protected_instances',
    help: 'Silent instances that are kept because most of their service fell silent at once',
    registers,
    collect() {
      this.set(instancesOf(deps.table).filter((instance) => instance.protected).length);
    },
  });
  new Gauge({
    name: 'registry_watchers',
    help: 'Open streams and long polls',
    registers,
    collect() {
      this.set(deps.watchers.count());
    },
  });
  new Gauge({
    name: 'registry_acknowledging_watchers',
    help: 'Open streams of gateways, which drains wait for',
    registers,
    collect() {
      this.set(deps.drains.watchers());
    },
  });
  if (deps.sharing) observeSharing(deps.sharing, registers);
  new Gauge({
    name: 'registry_revision',
    help: 'Changes of the table since the start',
    registers,
    collect() {
      this.set(deps.table.revision());
    },
  });
}

function observeSharing(sharing: Sharing, registers: Registry[]): void {
  new Gauge({
    name: 'registry_replicas',
    help: 'Replicas that share the table and were heard of lately, this one included',
    registers,
    collect() {
      this.set(sharing.status().replicas);
    },
  });
  new Gauge({
    name: 'registry_sharing',
    help: '1 while the table is shared, 0 while this replica goes on alone',
    registers,
    collect() {
      this.set(sharing.status().working ? 1 : 0);
    },
  });
}

/** Counts instances that left with `wait=drained`, by how that ended. */
export const countDrains = (runtime: Runtime) =>
  new Counter({
    name: 'registry_drains_total',
    help: 'Instances that waited to be let go of: drained, timed-out, or unacknowledged where no gateway was there',
    labelNames: ['outcome'],
    registers: [runtime.metrics],
  });

/** All instances of all services. */
export const instancesOf = (table: Table): Instance[] => Object.values(table.snapshot().services).flat();

export function countByState(instances: readonly Instance[]): Record<InstanceState, number> {
  const counts = { starting: 0, up: 0, draining: 0, unhealthy: 0 };
  for (const { state } of instances) counts[state]++;
  return counts;
}
