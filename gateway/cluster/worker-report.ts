import type { Registry } from 'prom-client';
import type { RecentRequests } from '../observability/recent-requests';
import type { Directory } from '../routing/directory';
import type { Know } from './cluster';
import type { KnownLoad } from './messages';

/** Answers what may be asked of every process, from what this one knows. */
export function createKnowledge(process: {
  readonly directory: Directory;
  readonly recent: RecentRequests;
  readonly metrics: Registry;
}): Know {
  return async (question) => {
    switch (question.about) {
      case 'presence':
        return {};
      case 'request':
        return { explained: process.recent.explain(question.requestId) };
      case 'loads':
        return { loads: loadsOf(process.directory) };
      case 'metrics':
        return { metrics: await process.metrics.getMetricsAsJSON() };
    }
  };
}

const loadsOf = (directory: Directory): KnownLoad[] =>
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
