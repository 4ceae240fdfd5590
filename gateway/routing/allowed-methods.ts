import type { Directory } from './directory';
import { createRouter } from './router';

/** A route of the gateway itself. */
export interface LocalRoute {
  readonly method: string;
  readonly path: string;
}

/** The methods of a path, including OPTIONS; empty for an unknown path. */
export type AllowedMethods = (path: string) => readonly string[];

/** Whether pages of any origin may read the responses of a route (`cors: "public"`). */
export const publicRoutes =
  (directory: Pick<Directory, 'routes'>): ((method: string, path: string) => boolean) =>
  (method, path) =>
    directory.routes().find(method, path)?.isPublicToPages === true;

/** Methods of a route that accepts any. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

export function createAllowedMethods(
  directory: Pick<Directory, 'routes'>,
  localRoutes: readonly LocalRoute[],
): AllowedMethods {
  const local = createRouter<true>();
  for (const { method, path } of localRoutes) local.add(method, path, true);

  return (path) => {
    const localMethods = local.methods(path, 0);
    const methods = localMethods.length > 0 ? localMethods : directory.routes().methods(path);
    if (methods.length === 0) return [];
    const named = methods.includes('ALL') ? ANY_METHOD : methods;
    return [...new Set([...named, 'OPTIONS'])];
  };
}
