import { untilStalled } from '../../infra/processes';

const REQUEST_TIMEOUT_MS = 2_000;

/**
 * Waits until the gateway lists every one of `services` as up.
 *
 * @param options.instances how many of each; 1 by default
 * @param options.stallMs how long to wait for the next service; a busy machine starts one after the other
 * @returns the services that are missing when nothing happens any more or the signal aborts; empty on success
 */
export async function waitForGateway(options: {
  url: string;
  services: readonly string[];
  instances?: number;
  stallMs: number;
  /** True when the services cannot become ready any more. */
  isFailed: () => boolean;
  signal: AbortSignal;
}): Promise<string[]> {
  let missing = [...options.services];
  await untilStalled(
    async () => {
      const up = await servicesBehind(options.url, options.instances);
      missing = options.services.filter((name) => !up.has(name));
      return (up.size > 0 && missing.length === 0) || options.isFailed();
    },
    { progress: () => missing.join(), stallMs: options.stallMs, signal: options.signal },
  );
  return missing;
}

async function servicesBehind(url: string, instances?: number): Promise<Set<string>> {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return servicesUp(await response.json(), instances);
  } catch {
    // Not listening yet: polled again.
    return new Set();
  }
}

/** The services with that many instances that are up, from the gateway's index document. */
export function servicesUp(document: unknown, instances = 1): Set<string> {
  const services = field(document, 'services');
  if (typeof services !== 'object' || services === null) return new Set();
  const named: [unknown, unknown][] = Array.isArray(services)
    ? services.map((service) => [field(service, 'name'), service])
    : Object.entries(services);
  return new Set(
    named.flatMap(([name, service]) => (typeof name === 'string' && isUp(service, instances) ? [name] : [])),
  );
}

function isUp(service: unknown, wanted: number): boolean {
  const instances = field(service, 'instances') ?? service;
  if (Array.isArray(instances))
    return instances.filter((instance) => field(instance, 'state') === 'up').length >= wanted;
  return wanted === 1 && field(service, 'state') === 'up';
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined;
