import { Elysia } from 'elysia';
import { observeProcess } from '../core/process-metrics';
import { readiness } from '../core/readiness';
import type { Runtime } from '../core/runtime';

/** Probes and metrics, read every few seconds by whatever monitors a process. */
const PROBE_PATHS = ['/health', '/healthz', '/readyz', '/metrics'];
/** The paths every process serves for its operators; they are not part of its public API. */
export const OPERATIONAL_PATHS = [...PROBE_PATHS, '/docs', '/openapi.json'];

/** Whether a path is one of the probes, exactly: `/users/health` is a profile. */
export const isProbePath = (path: string): boolean => PROBE_PATHS.includes(path);

/** Whether a path, or one below it, is served for operators. */
export const isOperationalPath = (path: string): boolean =>
  OPERATIONAL_PATHS.some((operational) => path === operational || path.startsWith(`${operational}/`));

/**
 * `/health`, `/healthz`, `/readyz` and `/metrics`, the same for services and workers.
 *
 * @param metrics what `/metrics` answers, in Prometheus' text format, where it is not what this process alone counts
 */
export function operations(
  runtime: Runtime,
  metrics: () => Promise<string> = () => runtime.metrics.metrics(),
) {
  observeProcess(runtime);
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
      async ({ set }) => {
        set.headers['content-type'] = runtime.metrics.contentType;
        return metrics();
      },
      { detail: hidden },
    );
}
