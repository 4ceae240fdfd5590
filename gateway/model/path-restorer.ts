/** What was cut from the path of a request before a service received it. */
export interface CutPrefix {
  /** By a trusted proxy in front of the gateway; empty for none. */
  readonly byProxy: string;
  /** By the gateway: version, service's prefix, or both. */
  readonly byGateway: string;
}

/** Maps the paths a service names in its response back to those under which the client reaches them. */
export interface PathRestorer {
  /** The path of a resource. @param service undefined for the gateway's own pages */
  path(service: string | undefined, cut: CutPrefix, path: string): string;
  /** The path of a cookie, which is valid below it. */
  cookiePath(service: string | undefined, cut: CutPrefix, path: string): string;
}

/** Prepends what was cut, which is right for whoever knows nothing of prefixes. */
export const PREPEND: PathRestorer = {
  path: (_, { byProxy, byGateway }, path) => byProxy + byGateway + path,
  cookiePath: (_, { byProxy, byGateway }, path) => byProxy + byGateway + (path === '/' ? '' : path),
};
