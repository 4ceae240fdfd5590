import { createRouter } from './router';
import { isSegmentEnd, versionEnd } from './version';

/** A route of the gateway itself. */
export interface LocalRoute {
  readonly method: string;
  readonly path: string;
}

/** A path of the gateway itself. */
export interface OwnPage {
  readonly pattern: string;
  /** Including HEAD and OPTIONS, sorted. */
  readonly methods: readonly string[];
  /** Length of the path's prefix (version, name of the gateway) that the page does not know. */
  readonly cut: number;
}

/** As every service's, the gateway's pages are also served below its name. */
const OWN_PREFIX = '/gateway';

/** Finds the gateway's own page at a path: at the root, below the version, below the gateway's name, or below both. */
export function createOwnPages(routes: readonly LocalRoute[]): (path: string) => OwnPage | undefined {
  const router = createRouter<Omit<OwnPage, 'cut'>>();
  for (const [pattern, same] of Map.groupBy(routes, ({ path }) => path))
    router.add(ANY_METHOD, pattern, { pattern, methods: methodsOf(same) });

  function findFrom(path: string, cut: number): OwnPage | undefined {
    const page = router.find(ANY_METHOD, path, cut);
    return page && { ...page, cut };
  }

  function findBelowPrefix(path: string, start: number): OwnPage | undefined {
    const end = start + OWN_PREFIX.length;
    return path.startsWith(OWN_PREFIX, start) && isSegmentEnd(path, end) ? findFrom(path, end) : undefined;
  }

  return (path) => {
    const version = versionEnd(path);
    return (
      findFrom(path, 0) ??
      (version === 0 ? undefined : findFrom(path, version)) ??
      findBelowPrefix(path, version)
    );
  };
}

/** The one method the pages are stored by: whether a path is a page does not depend on the request's method. */
const ANY_METHOD = 'ALL';

function methodsOf(routes: readonly LocalRoute[]): readonly string[] {
  const methods = new Set(routes.map(({ method }) => method)).add('OPTIONS');
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}
