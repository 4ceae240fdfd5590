import type { Instance } from '#contracts/registry';
import { OPERATIONAL_PATHS } from '#kit/http/operations/operations';
import { isNested, overlaps, type Pattern, patternOf, textOf } from './overlap';

export interface ClaimConflict {
  readonly claim: string;
  readonly owner: string;
}

/** The instance that claims; of two services that hold conflicting claims, the one with the oldest claimant owns them. */
export type Claimant = Pick<Instance, 'name' | 'instance_id' | 'registered_at'>;

/**
 * What an instance claims:
 *
 * - `prefix`: everything below `/{prefix}` that no root route takes
 * - `root`: a route at its own path, which therefore also takes requests below a prefix of the same name
 * - `below`: a route that is served below the prefixes of its service only
 */
export type Claim =
  | { readonly kind: 'prefix'; readonly text: string; readonly prefix: string }
  | { readonly kind: 'root' | 'below'; readonly text: string; readonly pattern: Pattern };

/** Which service owns which route and prefix. A claim lasts as long as a verified instance of the service holds it. */
export interface Claims {
  /** The first of the wanted claims that could take requests from another service. */
  conflict(service: string, wanted: readonly Claim[]): ClaimConflict | undefined;
  acquire(claimant: Claimant, wanted: readonly Claim[]): void;
  release(claimant: Claimant, held: readonly Claim[]): void;
}

interface Held {
  readonly claim: Claim;
  /** By service, then by instance. */
  readonly holders: Map<string, Map<string, Claimant>>;
}

/**
 * Ownership is decided by overlap: what could take one request of another service is a conflict. A single registry never
 * lets two services hold conflicting claims. Two replicas may, before each has received the other's registration: then the
 * service with the oldest instance owns them, on every replica.
 */
export function createClaims(): Claims {
  const held = new Map<string, Held>();
  /** Root claims by their first segment, which is static. */
  const rootsByFirst = new Map<string, Set<Held>>();
  const byService = new Map<string, Set<Held>>();

  function* rivalsOf(claim: Claim, wanted: readonly Claim[]): Generator<[Held, readonly string[]]> {
    const same = held.get(claim.text);
    if (claim.kind === 'prefix') {
      if (same) yield [same, [...same.holders.keys()]];
      const routes = wanted.filter((one) => one.kind !== 'prefix');
      for (const root of rootsByFirst.get(claim.prefix) ?? [])
        if (takesBelowPrefix(root.claim, routes)) yield [root, [...root.holders.keys()]];
    } else if (claim.kind === 'root') {
      const [first = ''] = claim.pattern.segments;
      for (const root of rootsByFirst.get(first) ?? [])
        if (root.claim.kind === 'root' && overlaps(root.claim.pattern, claim.pattern))
          yield [root, [...root.holders.keys()]];
      const prefix = held.get(prefixText(first));
      if (prefix)
        for (const owner of prefix.holders.keys()) {
          const routes = [...(byService.get(owner) ?? [])].map((one) => one.claim);
          if (takesBelowPrefix(claim, routes)) yield [prefix, [owner]];
        }
    }
  }

  /** Whether a service holds a claim, and has held it for longer than another one its own. */
  function precedes(service: string, claim: Claim, other: Claimant): boolean {
    const own = oldest(held.get(claim.text)?.holders.get(service));
    return own !== undefined && byAge(own, other) < 0;
  }

  return {
    conflict(service, wanted) {
      for (const claim of wanted) {
        const owners: Claimant[] = [];
        for (const [rival, names] of rivalsOf(claim, wanted))
          for (const name of names) {
            const owner = oldest(rival.holders.get(name));
            if (owner && name !== service && !precedes(service, claim, owner)) owners.push(owner);
          }
        const [owner] = owners.sort(byAge);
        if (owner) return { claim: claim.text, owner: owner.name };
      }
      return undefined;
    },
    acquire({ name, instance_id, registered_at }, wanted) {
      // A copy, so that outdated views of an instance are not retained.
      const claimant = { name, instance_id, registered_at };
      for (const claim of wanted) {
        const entry = held.get(claim.text) ?? { claim, holders: new Map() };
        held.set(claim.text, entry);
        entry.holders.set(name, (entry.holders.get(name) ?? new Map()).set(instance_id, claimant));
        addTo(byService, name, entry);
        if (claim.kind === 'root') addTo(rootsByFirst, claim.pattern.segments[0] ?? '', entry);
      }
    },
    release({ name, instance_id }, claims) {
      for (const claim of claims) {
        const entry = held.get(claim.text);
        const own = entry?.holders.get(name);
        if (entry === undefined || own === undefined) continue;
        own.delete(instance_id);
        if (own.size > 0) continue;
        entry.holders.delete(name);
        removeFrom(byService, name, entry);
        if (entry.holders.size > 0) continue;
        held.delete(claim.text);
        if (claim.kind === 'root') removeFrom(rootsByFirst, claim.pattern.segments[0] ?? '', entry);
      }
    },
  };
}

/**
 * Whether a root route takes requests of routes that are served below the prefix that it begins with. A route with a path
 * of its own is also reachable there; that alias only counts where it would be taken as a whole, or in part for all values
 * of its parameters: `GET /users/:username/likes` may stand beside the alias `/users/users/:username`.
 */
function takesBelowPrefix(root: Claim, routes: readonly Claim[]): boolean {
  if (root.kind !== 'root') return false;
  const below: Pattern = { method: root.pattern.method, segments: root.pattern.segments.slice(1) };
  return (
    PAGES.some((page) => overlaps(below, page) && isNested(below, page)) ||
    routes.some(
      (route) =>
        route.kind !== 'prefix' &&
        overlaps(below, route.pattern) &&
        (route.kind === 'below' || isNested(below, route.pattern)),
    )
  );
}

/** Served below the prefixes of every service. */
const PAGES = OPERATIONAL_PATHS.flatMap((path) => (path === '/docs' ? [path, `${path}/*`] : [path])).map(
  (path) => patternOf('GET', path),
);

/** What a registration claims. A service always claims its own name as a prefix, so that no other service can. */
export function claimsOf(registration: Pick<Instance, 'name' | 'routes' | 'prefixes'>): Claim[] {
  const routes = registration.routes.map(({ method, path, prefix_only }): Claim => {
    const pattern = patternOf(method, path);
    return prefix_only
      ? { kind: 'below', text: `${textOf(pattern)} below its prefix`, pattern }
      : { kind: 'root', text: textOf(pattern), pattern };
  });
  const prefixes = [registration.name, ...registration.prefixes].map(
    (prefix): Claim => ({ kind: 'prefix', text: prefixText(prefix), prefix }),
  );
  return [...new Map([...routes, ...prefixes].map((claim) => [claim.text, claim])).values()];
}

const prefixText = (prefix: string) => `prefix ${prefix}`;

function addTo(index: Map<string, Set<Held>>, key: string, entry: Held) {
  index.set(key, (index.get(key) ?? new Set()).add(entry));
}

function removeFrom(index: Map<string, Set<Held>>, key: string, entry: Held) {
  const entries = index.get(key);
  entries?.delete(entry);
  if (entries?.size === 0) index.delete(key);
}

const oldest = (claimants: ReadonlyMap<string, Claimant> | undefined): Claimant | undefined =>
  [...(claimants?.values() ?? [])].sort(byAge)[0];

/** The rule by which gateways decide between two services that claim one path. */
const byAge = (left: Claimant, right: Claimant) =>
  compare(left.registered_at, right.registered_at) || compare(left.name, right.name);

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
