import type { Registration } from '#contracts/registry';

export interface ClaimConflict {
  readonly claim: string;
  readonly owner: string;
}

/** Which service owns which route and prefix. A claim lives as long as an instance of the service holds it. */
export interface Claims {
  conflict(service: string, wanted: readonly string[]): ClaimConflict | undefined;
  hold(service: string, wanted: readonly string[]): void;
  release(held: readonly string[]): void;
}

export function createClaims(): Claims {
  const owners = new Map<string, { service: string; holders: number }>();

  return {
    conflict(service, wanted) {
      for (const claim of wanted) {
        const owner = owners.get(claim);
        if (owner && owner.service !== service) return { claim, owner: owner.service };
      }
      return undefined;
    },
    hold(service, wanted) {
      for (const claim of wanted) {
        const owner = owners.get(claim);
        if (owner) owner.holders++;
        else owners.set(claim, { service, holders: 1 });
      }
    },
    release(held) {
      for (const claim of held) {
        const owner = owners.get(claim);
        if (owner && --owner.holders === 0) owners.delete(claim);
      }
    },
  };
}

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
