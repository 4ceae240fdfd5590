import { Gauge } from 'prom-client';
import { sharedMetric } from '../core/metrics';
import type { Runtime } from '../core/runtime';

/** A server that a process may be connected to. */
export interface ObservedServer {
  /** `host:port` */
  readonly name: string;
  readonly connected: boolean;
}

type Observed = Map<string, () => readonly ObservedServer[]>;

const CONNECTED = 'broker_connected';

/**
 * Registers which servers of a broker this process is connected to: all of beanstalkd, one node of RabbitMQ.
 *
 * @param broker `rabbitmq` or `beanstalkd`
 */
export function observeServers(
  runtime: Runtime,
  broker: string,
  servers: () => readonly ObservedServer[],
): void {
  sharedMetric(runtime.metrics, CONNECTED, () => createGauge(runtime)).observed.set(broker, servers);
}

function createGauge(runtime: Runtime) {
  const observed: Observed = new Map();
  const gauge = new Gauge({
    name: CONNECTED,
    help: 'Whether the process is connected to a server of a broker: all of beanstalkd, one node of RabbitMQ',
    labelNames: ['broker', 'server'] as const,
    registers: [runtime.metrics],
    collect() {
      for (const [broker, servers] of observed)
        for (const { name, connected } of servers()) this.set({ broker, server: name }, connected ? 1 : 0);
    },
  });
  return Object.assign(gauge, { observed });
}
