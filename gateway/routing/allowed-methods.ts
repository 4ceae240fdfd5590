import type { Directory } from './directory';
import { createOwnPages, type LocalRoute } from './own-pages';

/** The methods of a path, including OPTIONS; empty for an unknown path. */
export type AllowedMethods = (path: string) => readonly string[];

/** Whether pages of any origin may read the responses of a route (`cors: "public"`). */
export const publicRoutes =
  (directory: Pick<Directory, 'routes'>): ((method: string, path: string) => boolean) =>
  (method, path) =>
    directory.routes().find(method, path)?.isPublicToPages === true;

/** Methods of a route that accepts any. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

/** The methods of this server as a whole, as `OPTIONS *` lists them (RFC 9110, 9.3.7). */
export const SERVER_METHODS: readonly string[] = [...ANY_METHOD, 'OPTIONS'].sort();

const STANDARD = new Set(SERVER_METHODS);

/**
 * Whether a method is one of the standard ones, or of a route of any service. The gateway's own pages answer others with 501
 * (RFC 9110, 9.1): there is no path they could be used for.
 */
export const isKnownMethod = (directory: Pick<Directory, 'routes'>, method: string): boolean =>
  STANDARD.has(method) || directory.routes().knowsMethod(method);

export function createAllowedMethods(
  directory: Pick<Directory, 'routes'>,
  localRoutes: readonly LocalRoute[],
): AllowedMethods {
  const findOwnPage = createOwnPages(localRoutes);

  return (path) => {
    const page = findOwnPage(path);
    if (page !== undefined) return page.methods;
    const methods = directory.routes().methods(path);
    if (methods.length === 0) return [];
    const named = methods.includes('ALL') ? ANY_METHOD : methods;
    return [...new Set([...named, 'OPTIONS'])];
  };
}
