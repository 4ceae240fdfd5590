import type { Runtime } from '#kit/core/runtime';
import { createOutboundClient } from '#kit/http/outbound/client';
import { ProviderNotFound } from './model';
import { openProvider, type SignInProvider } from './provider';
import type { ProviderSettings } from './settings';

/** The other providers that people may sign in with, in the order of the configuration. */
export interface SignInProviders {
  readonly list: readonly SignInProvider[];
  /** @throws ProviderNotFound */
  named(name: string): SignInProvider;
}

/** Of URLs without one. */
const HTTPS_PORT = 443;

/**
 * Opens the configured providers. Nothing is asked of them before somebody wants to sign in, or `/readyz` is read: a provider
 * that is away is an optional dependency.
 */
export function openProviders(
  runtime: Pick<Runtime, 'version' | 'dependency'>,
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
    const provider = openProvider(one, { ...options, outbound });
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
  return {
    list,
    named(name) {
      const found = list.find((provider) => provider.name === name);
      if (found === undefined) throw new ProviderNotFound();
      return found;
    },
  };
}
