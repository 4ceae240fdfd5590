import type { Instance, Registration } from '#contracts/registry';

export interface ClaimConflict {
  readonly claim: string;
  readonly owner: string;
}

/** The instance that claims; the oldest one owns the claim. */
export type Claimant = Pick<Instance, 'name' | 'instance_id' | 'registered_at'>;

/** Which service owns which route and prefix. A claim lasts as long as an instance of the service holds it. */
export interface Claims {
  conflict(service: string, wanted: readonly string[]): ClaimConflict | undefined;
  acquire(claimant: Claimant, wanted: readonly string[]): void;
  release(claimant: Claimant, held: readonly string[]): void;
}

/**
 * A single registry never lets two services hold one claim. Two replicas may, before each has received the other's
 * registration: then the service with the oldest instance owns it, on every replica.
 */
export function createClaims(): Claims {
  /** By claim, then by service: the instances that hold it. */
  const holders = new Map<string, Map<string, Map<string, Claimant>>>();

  function ownerOf(claim: string): string | undefined {
    const services = holders.get(claim);
    if (services === undefined) return undefined;
    const [first] = services.keys();
    if (services.size === 1) return first;
    return [...services.values()].flatMap((own) => [...own.values()]).sort(byAge)[0]?.name;
  }

  return {
    conflict(service, wanted) {
      for (const claim of wanted) {
        const owner = ownerOf(claim);
        if (owner !== undefined && owner !== service) return { claim, owner };
      }
      return undefined;
    },
    acquire({ name, instance_id, registered_at }, wanted) {
      // A copy, so that outdated views of an instance are not retained.
      const claimant = { name, instance_id, registered_at };
      for (const claim of wanted) {
        const services = holders.get(claim) ?? new Map<string, Map<string, Claimant>>();
        const own = services.get(name) ?? new Map<string, Claimant>();
        holders.set(claim, services.set(name, own.set(instance_id, claimant)));
      }
    },
    release({ name, instance_id }, held) {
      for (const claim of held) {
        const services = holders.get(claim);
        const own = services?.get(name);
        own?.delete(instance_id);
        if (own?.size === 0) services?.delete(name);
        if (services?.size === 0) holders.delete(claim);
      }
    },
  };
}

/** The rule by which gateways decide between two services that claim one path. */
const byAge = (left: Claimant, right: Claimant) =>
  compare(left.registered_at, right.registered_at) || compare(left.name, right.name);

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

/**
 * The claims of a registration. Parameter names do not distinguish routes: `/posts/:id` and `/posts/:post` match the
 * same paths. A service always claims its own name as a prefix, so that no other service can.
 */
export function claimsOf(registration: Pick<Registration, 'name' | 'routes' | 'prefixes'>): string[] {
  // A path below its service's prefix cannot conflict with another service's.
  const routes = registration.routes
    .filter(({ prefix_only }) => !prefix_only)
    .map(({ method, path }) => `${method} ${withoutParameterNames(path)}`);
  const prefixes = [registration.name, ...registration.prefixes].map((prefix) => `prefix ${prefix}`);
  return [...new Set([...routes, ...prefixes])];
}

function withoutParameterNames(path: string): string {
  const segments = path.split('/').map((segment) => (segment.startsWith(':') ? ':' : segment));
  return segments.at(-1) === '' ? segments.slice(0, -1).join('/') || '/' : segments.join('/');
}
