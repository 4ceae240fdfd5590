import { Gauge } from 'prom-client';
import { sharedMetric } from '../core/metrics';
import type { Runtime } from '../core/runtime';

/** A server that a process may be connected to. */
export interface ObservedServer {
  /** `host:port` */
  readonly name: string;
  readonly connected: boolean;
  /** It is short of memory or disk space, and accepts no messages. */
  readonly isBlocked?: boolean;
}

type Observed = Map<string, () => readonly ObservedServer[]>;

const CONNECTED = 'broker_connected';

/**
 * Registers which servers of a broker this process is connected to (all of beanstalkd, one node of RabbitMQ), and whether they
 * accept its messages.
 *
 * @param broker `rabbitmq` or `beanstalkd`
 */
export function observeServers(
  runtime: Runtime,
  broker: string,
  servers: () => readonly ObservedServer[],
): void {
  sharedMetric(runtime.metrics, CONNECTED, () => createGauges(runtime)).observed.set(broker, servers);
}

function createGauges(runtime: Runtime) {
  const observed: Observed = new Map();
  const registers = [runtime.metrics];
  const connected = new Gauge({
    name: CONNECTED,
    help: 'Whether the process is connected to a server of a broker: all of beanstalkd, one node of RabbitMQ',
    labelNames: ['broker', 'server'] as const,
    registers,
    collect() {
      for (const [broker, servers] of observed)
        for (const { name, connected } of servers()) this.set({ broker, server: name }, connected ? 1 : 0);
    },
  });
  new Gauge({
    name: 'broker_blocked',
    help: 'Whether the broker is short of memory or disk space and accepts no messages of the process',
    labelNames: ['broker'] as const,
    registers,
    collect() {
      for (const [broker, servers] of observed)
        this.set({ broker }, servers().some(({ isBlocked }) => isBlocked) ? 1 : 0);
    },
  });
  return Object.assign(connected, { observed });
}
