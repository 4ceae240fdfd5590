import type { Registry } from 'prom-client';
import type { RecentRequests } from '../observability/recent-requests';
import type { Directory } from '../routing/directory';
import type { WorkerReporter } from './cluster-client';
import type { WorkerInstanceLoad } from './messages';

/** Replies to queries from the state of this process. */
export function createWorkerReporter(process: {
  readonly directory: Directory;
  readonly recent: RecentRequests;
  readonly metrics: Registry;
}): WorkerReporter {
  return async (query) => {
    switch (query.about) {
      case 'presence':
        return {};
      case 'request':
        return { explained: process.recent.explain(query.requestId) };
      case 'loads':
        return { loads: loadsOf(process.directory) };
      case 'metrics':
        return { metrics: await process.metrics.getMetricsAsJSON() };
    }
  };
}

const loadsOf = (directory: Directory): WorkerInstanceLoad[] =>
  directory.services().flatMap(({ balancer }) =>
    balancer.loads().map(({ instance, inFlight, costMs, ejectedForMs, ejections, probing }) => ({
      instanceId: instance.instance_id,
      inFlight,
      costMs,
      ejectedForMs,
      ejections,
      probing,
    })),
  );
