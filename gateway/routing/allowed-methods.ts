import type { Directory } from './directory';
import { createRouter } from './router';

/** A route of the gateway's own. */
export interface OwnRoute {
  readonly method: string;
  readonly path: string;
}

/** With which methods a path is answered, OPTIONS among them; none for a path nobody has. */
export type AllowedMethods = (path: string) => readonly string[];

/** What a service that takes every method may be asked with. */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

export function createAllowedMethods(
  directory: Pick<Directory, 'routes'>,
  ownRoutes: readonly OwnRoute[],
): AllowedMethods {
  const own = createRouter<true>();
  for (const { method, path } of ownRoutes) own.add(method, path, true);

  return (path) => {
    const ofOwn = own.methods(path, 0);
    const methods = ofOwn.length > 0 ? ofOwn : directory.routes().methods(path);
    if (methods.length === 0) return [];
    const named = methods.includes('ALL') ? ANY_METHOD : methods;
    return [...new Set([...named, 'OPTIONS'])];
  };
}
