import type { Field, Rejection } from './environment';
import { serverUrl, urlsIn } from './urls';

/** Schemes by what they reach, without and with TLS. */
export const REDIS_SCHEMES = ['redis', 'redis+cluster', 'redis+sentinel'].flatMap((scheme) => [
  scheme,
  scheme.replace('redis', 'rediss'),
]);

/**
 * The address of Redis: the URL of one server; comma-separated URLs of nodes of a Redis Cluster (`redis+cluster://`); or
 * those of the Sentinels (`redis+sentinel://`) of a master, whose name is the path. Credentials are of the servers with the
 * data, the same for all, from `<prefix>_USER` and `<prefix>_PASSWORD` or from the URLs.
 *
 * @param fallback in development
 */
export function redisUrl<Fallback extends string | undefined>(
  fallback: Fallback,
  prefix: string,
): Field<string | Fallback> {
  const { completed, production, ...one } = serverUrl(fallback, { prefix, schemes: REDIS_SCHEMES });
  if (completed === undefined || production === undefined) throw new Error('A URL has credentials');
  return {
    ...one,
    parse: (value) => eachUrl(value, one.parse) ?? incoherence(partsOf(value)) ?? value,
    completed: {
      by: completed.by,
      complete(value, read) {
        const parts = partsOf(value).map((part) => completed.complete(part, read));
        return parts.find(isRejection) ?? parts.join(',');
      },
    },
    production: {
      ...production,
      refuse: (value) =>
        partsOf(value)
          .map((part) => production.refuse?.(part))
          .find((reason) => reason !== undefined),
    },
  };
}

const partsOf = (list: string) => urlsIn(list, REDIS_SCHEMES);

const isRejection = (value: unknown): value is Rejection => typeof value === 'object' && value !== null;

/** The first rejection. */
const eachUrl = (value: string, parse: (part: string) => unknown): Rejection | undefined =>
  partsOf(value).map(parse).find(isRejection);

/** Why URLs that are valid do not name one Redis together. */
function incoherence(parts: readonly string[]): Rejection | undefined {
  const urls = parts.map((part) => new URL(part));
  const { protocol = '', pathname = '' } = urls[0] ?? {};
  if (urls.some((each) => each.protocol !== protocol))
    return { problem: 'must be URLs with the same scheme' };
  if (protocol.endsWith('+sentinel:')) {
    const isOne = pathname.length > 1 && urls.every((each) => each.pathname === pathname);
    return isOne ? undefined : { problem: 'must name one master in the path of every URL of a Sentinel' };
  }
  if (protocol.endsWith('+cluster:')) {
    const isWithoutPath = urls.every((each) => each.pathname.length < 2);
    return isWithoutPath ? undefined : { problem: 'must have no path: a Redis Cluster has one database' };
  }
  return urls.length === 1 ? undefined : { problem: 'must be one URL, or several with redis+cluster://' };
}
