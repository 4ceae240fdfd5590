import type { Instance, Registration } from '#contracts/registry';

export interface ClaimConflict {
  readonly claim: string;
  readonly owner: string;
}

/** Who lays a claim; the oldest owns it. */
export type Holder = Pick<Instance, 'name' | 'instance_id' | 'registered_at'>;

/** Which service owns which route and prefix. A claim lives as long as an instance of the service holds it. */
export interface Claims {
  conflict(service: string, wanted: readonly string[]): ClaimConflict | undefined;
  hold(holder: Holder, wanted: readonly string[]): void;
  release(holder: Holder, held: readonly string[]): void;
}

/**
 * One registry never lets two services hold one claim. Two replicas may, each not knowing of the other's: then the
 * service with the oldest instance owns it, everywhere.
 */
export function createClaims(): Claims {
  /** By claim, then by service: its instances that hold it. */
  const holders = new Map<string, Map<string, Map<string, Holder>>>();

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
    hold(holder, wanted) {
      // Of a whole instance only what is needed is kept.
      const { name, instance_id, registered_at } = holder;
      const kept = { name, instance_id, registered_at };
      for (const claim of wanted) {
        const services = holders.get(claim) ?? new Map<string, Map<string, Holder>>();
        const own = services.get(name) ?? new Map<string, Holder>();
        holders.set(claim, services.set(name, own.set(instance_id, kept)));
      }
    },
    release(holder, held) {
      for (const claim of held) {
        const services = holders.get(claim);
        const own = services?.get(holder.name);
        own?.delete(holder.instance_id);
        if (own?.size === 0) services?.delete(holder.name);
        if (services?.size === 0) holders.delete(claim);
      }
    },
  };
}

/** As gateways decide between two services that answer one path. */
const byAge = (left: Holder, right: Holder) =>
  compare(left.registered_at, right.registered_at) || compare(left.name, right.name);

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

/**
 * What a registration lays claim to. Parameter names do not tell routes apart: `/posts/:id` and `/posts/:post`
 * answer the same paths. A service's own name is always its prefix, so that no other can take it.
 */
export function claimsOf(registration: Pick<Registration, 'name' | 'routes' | 'prefixes'>): string[] {
  // Under its service's prefix a path cannot meet another service's.
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
