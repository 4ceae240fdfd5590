import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';
import type { EjectionEvent } from './balancer';
import type { Directory, KnownService, ResilienceOptions } from './directory';

/** Reports ejections and circuit changes in logs and metrics. */
export function createResilienceReport(
  log: Logger,
  registry: Registry,
): Pick<ResilienceOptions, 'onEjection' | 'onCircuitChange'> & { watch(directory: Directory): void } {
  const registers = [registry];
  const ejections = new Counter({
    name: 'gateway_ejections_total',
    help: 'Outlier ejections after consecutive failures',
    labelNames: ['service'] as const,
    registers,
  });
  const openings = new Counter({
    name: 'gateway_circuit_openings_total',
    help: 'Times the circuit of a service opened',
    labelNames: ['service'] as const,
    registers,
  });

  return {
    onEjection(event) {
      const { instance, change, result, forMs } = event;
      if (change === 'ejected') ejections.inc({ service: instance.name });
      const fields = { service: instance.name, instance: instance.instance_id };
      if (change === 'returned') log.info(fields, 'instance returned from ejection');
      else
        log.warn(
          { ...fields, result, ejections: event.ejections, for_seconds: Math.round(forMs / 1_000) },
          reasonOf(event),
        );
    },
    onCircuitChange(service, isOpen) {
      if (isOpen) openings.inc({ service });
      if (isOpen) log.warn({ service }, `circuit of ${service} opened; rejecting its requests`);
      else log.info({ service }, `circuit of ${service} closed`);
    },
    watch(directory) {
      const gauge = (name: string, help: string, read: (service: KnownService) => number) =>
        new Gauge({
          name,
          help,
          labelNames: ['service'] as const,
          registers,
          collect() {
            this.reset();
            for (const service of directory.services()) this.set({ service: service.name }, read(service));
          },
        });
      gauge(
        'gateway_ejected_instances',
        'Ejected instances',
        ({ balancer }) => balancer.loads().filter((load) => load.ejectedForMs > 0 || load.probing).length,
      );
      gauge('gateway_circuit_open', '1 while the circuit of a service is open', ({ breaker }) =>
        breaker.isOpen ? 1 : 0,
      );
      gauge(
        'gateway_service_requests_waiting',
        'Requests waiting for the response of a service',
        ({ breaker }) => breaker.inFlight,
      );
      gauge(
        'gateway_service_requests_queued',
        'Requests queued by the circuit breaker of a service',
        ({ breaker }) => breaker.queued,
      );
    },
  };
}

const reasonOf = ({ ejections }: EjectionEvent) =>
  ejections > 1 ? 'instance ejected again, for longer' : 'instance ejected after five consecutive failures';
