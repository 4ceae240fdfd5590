import { untilStalled } from '../../infra/processes';

const REQUEST_TIMEOUT_MS = 2_000;

/**
 * Waits until the gateway lists every one of `services` as up.
 *
 * @param options.stallMs how long to wait for the next service; a busy machine starts one after the other
 * @returns the services that are missing when nothing happens any more or the signal aborts; empty on success
 */
export async function waitForGateway(options: {
  url: string;
  services: readonly string[];
  stallMs: number;
  /** True when the services cannot become ready any more. */
  isFailed: () => boolean;
  signal: AbortSignal;
}): Promise<string[]> {
  let missing = [...options.services];
  await untilStalled(
    async () => {
      const up = await servicesBehind(options.url);
      missing = options.services.filter((name) => !up.has(name));
      return (up.size > 0 && missing.length === 0) || options.isFailed();
    },
    { progress: () => missing.join(), stallMs: options.stallMs, signal: options.signal },
  );
  return missing;
}

async function servicesBehind(url: string): Promise<Set<string>> {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return servicesUp(await response.json());
  } catch {
    // Not listening yet: polled again.
    return new Set();
  }
}

/** The services with an instance that is up, from the gateway's index document. */
export function servicesUp(document: unknown): Set<string> {
  const services = field(document, 'services');
  if (typeof services !== 'object' || services === null) return new Set();
  const named: [unknown, unknown][] = Array.isArray(services)
    ? services.map((service) => [field(service, 'name'), service])
    : Object.entries(services);
  return new Set(
    named.flatMap(([name, service]) => (typeof name === 'string' && isUp(service) ? [name] : [])),
  );
}

function isUp(service: unknown): boolean {
  const instances = field(service, 'instances') ?? service;
  if (Array.isArray(instances)) return instances.some((instance) => field(instance, 'state') === 'up');
  return field(service, 'state') === 'up';
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined;
