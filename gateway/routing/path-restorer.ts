import { type CutPrefix, type PathRestorer, PREPEND } from '../model/path-restorer';
import type { Directory } from './directory';
import type { RouteTable } from './route-table';
import { isSegmentEnd, versionEnd } from './version';

/**
 * Restores paths by the route table. Most services know nothing of prefixes: what they serve themselves is below the prefix.
 * One that heeds `X-Forwarded-Prefix` names complete paths, and a path of another service begins at the root: both are
 * recognised by the routes, not guessed.
 */
export function createPathRestorer(directory: Pick<Directory, 'routes'>): PathRestorer {
  return {
    path(service, cut, path) {
      if (service === undefined) return PREPEND.path(service, cut, path);
      const routes = directory.routes();
      const pattern = routes.patternOf(service, path);
      // A service with one route for everything serves its restored paths as well.
      if (pattern !== undefined && !(pattern.endsWith('*') && isRestored(cut, path)))
        return PREPEND.path(service, cut, path);
      if (isComplete(cut, path)) return path;
      if (pattern !== undefined || routes.find('GET', path) !== undefined) return elsewhere(cut, path);
      return PREPEND.path(service, cut, path);
    },
    cookiePath(service, cut, path) {
      const isOwn = service !== undefined && isOwnCookiePath(directory.routes(), service, path);
      if (!isOwn && isComplete(cut, path)) return path;
      if (!isOwn && cut.byGateway !== '' && isBelow(path, cut.byGateway)) return cut.byProxy + path;
      return PREPEND.cookiePath(service, cut, path);
    },
  };
}

/** Another path of this gateway, under the version of the request. */
function elsewhere({ byProxy, byGateway }: CutPrefix, path: string): string {
  const version = versionEnd(path) > 0 ? '' : byGateway.slice(0, versionEnd(byGateway));
  return byProxy + version + path;
}

/** Whether everything that was cut is there already. */
const isComplete = ({ byProxy, byGateway }: CutPrefix, path: string) => isBelow(path, byProxy + byGateway);

/** Whether any of what was cut is there already. */
function isRestored(cut: CutPrefix, path: string): boolean {
  const { byGateway } = cut;
  const name = byGateway.slice(versionEnd(byGateway));
  return isComplete(cut, path) || [byGateway, name].some((part) => part !== '' && isBelow(path, part));
}

const isBelow = (path: string, prefix: string) =>
  path.startsWith(prefix) && isSegmentEnd(path, prefix.length);

const isOwnCookiePath = (routes: RouteTable, service: string, path: string) =>
  routes.hasRouteBelow(service, path.endsWith('/') ? path.slice(0, -1) : path);
