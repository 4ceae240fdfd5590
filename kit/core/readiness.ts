import { Problem } from '../errors/problem';
import type { Dependency, Runtime } from './runtime';
import { withTimeout } from './runtime';

/** Shorter than the timeout of probes, so that the response names the slow dependency. */
const CHECK_TIMEOUT_MS = 2_000;

interface CheckResult {
  status: 'up' | 'down';
  required: boolean;
  latency_ms: number;
  detail?: string;
}

export interface Readiness {
  ready: boolean;
  status: 'ready' | 'degraded' | 'not-ready' | 'ending';
  dependencies: Record<string, CheckResult>;
}

/** Checks all dependencies concurrently. Ready: no required one is down, and the process is not shutting down. */
export async function readiness(runtime: Runtime): Promise<Readiness> {
  const results = await Promise.all(runtime.dependencies.map(checkOne));
  const dependencies = Object.fromEntries(
    runtime.dependencies.map((dependency, index) => [dependency.name, results[index] as CheckResult]),
  );
  const missing = results.some((result) => result.required && result.status === 'down');
  const degraded = results.some((result) => result.status === 'down');
  const ending = runtime.closing.aborted;
  const status = ending ? 'ending' : missing ? 'not-ready' : degraded ? 'degraded' : 'ready';
  return { ready: !missing && !ending, status, dependencies };
}

async function checkOne(dependency: Dependency): Promise<CheckResult> {
  const started = performance.now();
  const result = await withTimeout(dependency.check(), CHECK_TIMEOUT_MS, `checking ${dependency.name}`).then(
    (detail) => ({ status: 'up' as const, ...(detail !== undefined && { detail }) }),
    // Other errors may name hosts and users, and this response is public.
    (failure) => ({
      status: 'down' as const,
      detail: (failure instanceof Problem && failure.detail) || 'unavailable',
    }),
  );
  return { ...result, required: dependency.required, latency_ms: Math.round(performance.now() - started) };
}
