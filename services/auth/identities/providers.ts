import { Counter } from 'prom-client';
import { createWorkQueue, type QueueLimits } from '#kit/core/queues/work-queue';
import type { Runtime } from '#kit/core/runtime';
import type { Problem } from '#kit/errors/problem';
import { createOutboundClient } from '#kit/http/outbound/client';
import { ProviderNotFound } from './model';
import { openProvider, type SignInProvider } from './provider';
import type { ProviderSettings } from './settings';

/** The other providers that people may sign in with, in the order of the configuration. */
export interface SignInProviders {
  readonly list: readonly SignInProvider[];
  /** @throws ProviderNotFound */
  named(name: string): SignInProvider;
  /** Counts how a sign-in has ended, and logs why it was refused: its page says less than an operator needs. */
  report(name: string, outcome: Outcome, refusal?: Problem): void;
}

/** How a sign-in at a provider has ended: `pending` waits for a second factor, `unknown` for its owner to register or link. */
export type Outcome = 'entered' | 'linked' | 'pending' | 'unknown' | 'refused';

/** An exchange takes a round trip or two; one with a provider that hangs takes the timeouts of them. */
const EXCHANGES: QueueLimits = { concurrent: 20, waiting: 200, waitMs: 3_000, serviceMs: 200 };
/** Of URLs without one. */
const HTTPS_PORT = 443;

/**
 * Opens the configured providers. Nothing is asked of them before somebody wants to sign in, or `/readyz` is read: a provider
 * that is away is an optional dependency.
 */
export function openProviders(
  runtime: Pick<Runtime, 'version' | 'dependency' | 'metrics' | 'log'>,
  settings: readonly ProviderSettings[],
  options: { now: () => number; timeoutMs?: number },
): SignInProviders {
  const list = settings.map((one) => {
    const port = new URL(one.issuer).port;
    const outbound = createOutboundClient({
      version: runtime.version,
      allowedRanges: one.allowedRanges,
      ports: [HTTPS_PORT, ...(port === '' ? [] : [Number(port)])],
    });
    const queue = createWorkQueue({
      name: `sign-ins at ${one.name}`,
      metrics: runtime.metrics,
      limits: EXCHANGES,
    });
    const provider = openProvider(one, { ...options, outbound, queue });
    runtime.dependency({
      name: `sign-in provider ${one.name}`,
      required: false,
      check: async () => {
        await provider.check();
        return undefined;
      },
    });
    return provider;
  });
  const endings = new Counter({
    name: 'foreign_sign_ins_total',
    help: 'Sign-ins at other providers, by how they have ended',
    labelNames: ['provider', 'outcome'],
    registers: [runtime.metrics],
  });
  return {
    list,
    named(name) {
      const found = list.find((provider) => provider.name === name);
      if (found === undefined) throw new ProviderNotFound();
      return found;
    },
    report(name, outcome, refusal) {
      // A name in a path may be any.
      if (!list.some((provider) => provider.name === name)) return;
      endings.inc({ provider: name, outcome });
      if (refusal === undefined) return;
      const { code, cause } = refusal;
      runtime.log.warn({ provider: name, code, reasons: reasonsOf(cause) }, 'A foreign sign-in was refused');
    },
  };
}

/** How far a failure is followed to what has caused it. */
const MAX_REASONS = 5;

/** The messages of a failure and its causes; not what they carry, which may be tokens. */
function reasonsOf(failure: unknown): string[] {
  const reasons: string[] = [];
  for (let cause = failure; cause instanceof Error && reasons.length < MAX_REASONS; cause = cause.cause)
    reasons.push(cause.message);
  return reasons;
}
