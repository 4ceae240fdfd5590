import { Counter, Gauge, type Registry } from 'prom-client';
import type { Instance, InstanceState } from '#contracts/registry';
import type { Runtime } from '#kit/core/runtime';
import type { RegistryDeps } from './deps';
import type { Replication } from './replication/replication';
import type { Table } from './table/model';

/** Gauges of the table and its watchers, measured at each scrape. */
export function observeRegistry(
  runtime: Runtime,
  deps: Pick<RegistryDeps, 'table' | 'watchers' | 'drains' | 'replication'>,
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
    name: 'registry_unverified_instances',
    help: 'Instances that hold a lease but are not routed, because their address is not verified',
    registers,
    collect() {
      this.set(deps.table.unverified().length);
    },
  });
  new Gauge({
    name: 'registry_protected_instances',
    help: 'Instances without heartbeats that are not removed because most of their service fell silent at once',
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
    help: 'Open streams of acknowledging watchers (gateways), which drains wait for',
    registers,
    collect() {
      this.set(deps.drains.watchers());
    },
  });
  if (deps.replication) observeReplication(deps.replication, registers);
  new Gauge({
    name: 'registry_revision',
    help: 'Revision of the table: changes since the start',
    registers,
    collect() {
      this.set(deps.table.revision());
    },
  });
}

function observeReplication(replication: Replication, registers: Registry[]): void {
  new Gauge({
    name: 'registry_replicas',
    help: 'Connected replicas that share the table, this one included',
    registers,
    collect() {
      this.set(replication.status().replicas);
    },
  });
  new Gauge({
    name: 'registry_sharing',
    help: '1 while the table is replicated, 0 while this replica runs standalone',
    registers,
    collect() {
      this.set(replication.status().working ? 1 : 0);
    },
  });
}

/** Counts deregistrations with `wait=drained`, by outcome. */
export const countDrains = (runtime: Runtime) =>
  new Counter({
    name: 'registry_drains_total',
    help: 'Deregistrations that waited for a drain, by outcome: drained, timed-out, or unacknowledged when no gateway was connected',
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
