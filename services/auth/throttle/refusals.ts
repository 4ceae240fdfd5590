import { Counter } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';

/** Counts an attempt that a limit has refused. @param limit the name of its rule */
export type CountRefusal = (limit: string) => void;

export function countRefusals({ metrics }: Pick<Runtime, 'metrics'>): CountRefusal {
  const refusals = new Counter({
    name: 'auth_attempts_refused_total',
    help: 'Attempts with a password or a second factor that were refused before it was checked, by limit',
    labelNames: ['limit'] as const,
    registers: [metrics],
  });
  return (limit) => refusals.inc({ limit });
}
