import { Elysia } from 'elysia';
import { observeProcess } from '../../core/process-metrics';
import { readiness } from '../../core/readiness';
import type { Runtime } from '../../core/runtime';
import { metricsAccess } from './metrics-access';

/** Probes and metrics, requested every few seconds by monitoring. */
const PROBE_PATHS = ['/health', '/healthz', '/readyz', '/metrics'];
/** The paths every process serves for operators; not part of its public API. */
export const OPERATIONAL_PATHS = [...PROBE_PATHS, '/docs', '/openapi.json'];

/** Whether a path is one of the probes, exactly: `/users/health` is a profile. */
export const isProbePath = (path: string): boolean => PROBE_PATHS.includes(path);

/** Whether a path is operational, or below an operational one. */
export const isOperationalPath = (path: string): boolean =>
  OPERATIONAL_PATHS.some((operational) => path === operational || path.startsWith(`${operational}/`));

/**
 * `/health`, `/healthz`, `/readyz` and `/metrics`, for services and workers alike. Metrics are for monitoring alone.
 *
 * @param metrics the response of `/metrics` in Prometheus' text format; those of this process by default
 */
export function operations(
  runtime: Runtime,
  metrics: () => Promise<string> = () => runtime.metrics.metrics(),
) {
  observeProcess(runtime);
  const admitMonitoring = metricsAccess(runtime);
  const hidden = { hide: true, 'x-access': 'public' };
  const alive = () => ({ status: 'ok', name: runtime.name, version: runtime.version });
  return new Elysia({ name: 'operations' })
    .get('/health', alive, { detail: hidden })
    .get('/healthz', alive, { detail: hidden })
    .get(
      '/readyz',
      async ({ set }) => {
        const state = await readiness(runtime);
        if (!state.ready) set.status = 503;
        return { status: state.status, dependencies: state.dependencies };
      },
      { detail: hidden },
    )
    .get(
      '/metrics',
      async ({ request, server, set }) => {
        admitMonitoring({ request, server });
        set.headers['content-type'] = runtime.metrics.contentType;
        return metrics();
      },
      { detail: hidden },
    );
}
