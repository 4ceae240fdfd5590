import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';
import type { EjectionNews } from './balancer';
import type { Directory, KnownService, Survival } from './directory';

/** Says, in the log and in the metrics, which instances are left out and which services are not asked. */
export function createSurvivalReport(
  log: Logger,
  registry: Registry,
): Pick<Survival, 'ejection' | 'circuit'> & { watch(directory: Directory): void } {
  const registers = [registry];
  const ejections = new Counter({
    name: 'gateway_ejections_total',
    help: 'Times an instance was left out because it failed one request after the other',
    labelNames: ['service'] as const,
    registers,
  });
  const openings = new Counter({
    name: 'gateway_circuit_openings_total',
    help: 'Times a service was not asked for a while because it did not answer as a whole',
    labelNames: ['service'] as const,
    registers,
  });

  return {
    ejection(news) {
      const { instance, change, result, forMs } = news;
      if (change === 'ejected') ejections.inc({ service: instance.name });
      const fields = { service: instance.name, instance: instance.instance_id };
      if (change === 'returned') log.info(fields, 'an instance is well again and takes part');
      else
        log.warn(
          { ...fields, result, ejections: news.ejections, for_seconds: Math.round(forMs / 1_000) },
          reasonOf(news),
        );
    },
    circuit(service, isOpen) {
      if (isOpen) openings.inc({ service });
      if (isOpen)
        log.warn({ service }, `${service} as a whole does not answer: its requests are refused at once`);
      else log.info({ service }, `${service} answers again`);
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
        'Instances left out now',
        ({ balancer }) => balancer.loads().filter((load) => load.ejectedForMs > 0 || load.probing).length,
      );
      gauge('gateway_circuit_open', '1 while a service is not asked', ({ breaker }) =>
        breaker.isOpen ? 1 : 0,
      );
      gauge(
        'gateway_service_requests_waiting',
        'Requests a service works on',
        ({ breaker }) => breaker.inFlight,
      );
      gauge(
        'gateway_service_requests_queued',
        'Requests held back until a service has room',
        ({ breaker }) => breaker.queued,
      );
    },
  };
}

const reasonOf = ({ ejections }: EjectionNews) =>
  ejections > 1
    ? 'an instance still fails, or fails again: it is left out for longer'
    : 'an instance failed five requests in a row: it is left out';
