import type { Field, ReadVariable, Rejection } from './environment';
import { refuseWellKnown } from './secrets';

const WEB = ['http', 'https'];

/** An absolute HTTP URL, as text. */
export function url(fallback?: string): Field<string> {
  return { parse: (value) => validUrl(value, WEB), fallback };
}

/** An absolute HTTP URL, as text; `undefined` when the variable is unset. */
export const optionalUrl = (): Field<string | undefined> => ({
  ...url(),
  fallback: undefined,
  optional: true,
});

/** The parts of a comma-separated list. */
export const listOf = (value: string): string[] => value.split(',').map((part) => part.trim());

/** Any origin, in a list of origins. */
export const ANY_ORIGIN = '*';

/** Comma-separated origins of pages, or `*` alone; none by default. */
export const origins = (): Field<readonly string[]> => ({
  parse: (value) => {
    const parts = listOf(value);
    const areOrigins = parts.every((part) => URL.canParse(part) && new URL(part).origin === part);
    return areOrigins || (parts.length === 1 && parts[0] === ANY_ORIGIN)
      ? parts
      : { problem: 'must be origins like https://app.example.com separated by commas, or * alone' };
  },
  fallback: [],
});

/** Comma-separated HTTP URLs of replicas. */
export function urls(fallback: string): Field<string[]> {
  return {
    parse: (value) => {
      const parts = listOf(value);
      return parts.every((part) => typeof validUrl(part, WEB) === 'string')
        ? parts
        : { problem: 'must be one or more HTTP URLs separated by commas' };
    },
    fallback: listOf(fallback),
  };
}

/** A base URL as paths are appended to it. */
export function withoutTrailingSlashes(base: string): string {
  let end = base.length;
  while (base[end - 1] === '/') end--;
  return base.slice(0, end);
}

/**
 * The base URL that clients use, for links and documents. It has no query and no slash at its end, and production must set
 * it.
 *
 * @param fallback in development
 */
export function publicUrl<Fallback extends string | undefined>(fallback: Fallback): Field<string | Fallback> {
  return {
    parse(value) {
      const valid = validUrl(value, WEB);
      if (typeof valid !== 'string') return valid;
      const { search, hash, username, password } = new URL(value);
      return search + hash + username + password === ''
        ? withoutTrailingSlashes(valid)
        : { problem: 'must be a URL without credentials, query and fragment' };
    },
    fallback,
    optional: true,
    production: {
      required: true,
      advice: 'the URL that clients reach the gateway at, like https://api.example.com',
    },
  };
}

/**
 * The URL of a server that asks for a user and a password. They may be part of the URL, percent-encoded, or stand as
 * they are in variables of their own, `<prefix>_USER` and `<prefix>_PASSWORD`. Production rejects a URL without a
 * password, and well-known ones.
 *
 * @param fallback in development
 */
export function serverUrl<Fallback extends string | undefined>(
  fallback: Fallback,
  server: { prefix: string; schemes: readonly string[] },
): Field<string | Fallback> {
  const [user, password] = [`${server.prefix}_USER`, `${server.prefix}_PASSWORD`];
  return {
    parse: (value) =>
      validUrl(value, server.schemes, `; special characters of a password go into ${password}`),
    fallback,
    optional: true,
    completed: {
      by: [user, password],
      complete: (value, read) =>
        value === fallback || credentialsOf(value).password === ''
          ? withCredentials(value, { user: read(user), password: read(password) })
          : read(user) === undefined && read(password) === undefined
            ? value
            : { problem: `contains credentials, so ${user} and ${password} must not be set` },
    },
    production: {
      refuse: refuseCredentials,
      advice: `set ${user} and ${password} to the credentials of a user of its own`,
    },
  };
}

/**
 * The URLs of the nodes of one server, like a RabbitMQ cluster, separated by commas: each as `serverUrl`, all with the same
 * credentials variables. They name the same path: what one node holds is held by all.
 *
 * @param fallback in development: one URL
 */
export function serverUrls(
  fallback: string,
  server: { prefix: string; schemes: readonly string[] },
): Field<readonly string[]> {
  const one = serverUrl(fallback, server);
  const { completed, production } = one;
  const complete = (value: string, read: ReadVariable) => completed?.complete(value, read) ?? value;
  return {
    parse: (value) => {
      const parts = urlsIn(value, server.schemes).map(one.parse);
      if (parts.every(isText) && new Set(parts.map((part) => new URL(part).pathname)).size > 1)
        return { problem: 'must name the same path in every URL' };
      return allOf(parts);
    },
    fallback: [fallback],
    ...(completed && {
      completed: {
        by: completed.by,
        complete: (values, read) => allOf(values.map((value) => complete(value, read))),
      },
    }),
    ...(production && {
      production: {
        advice: production.advice,
        refuse: (values) => values.map((value) => production.refuse?.(value)).find((reason) => reason),
      },
    }),
  };
}

/**
 * Comma-separated URLs with one of these schemes. A comma that no such scheme follows is part of a password or a path.
 *
 * @returns the parts, of which the first may be no such URL
 */
export function urlsIn(list: string, schemes: readonly string[]): string[] {
  const urls: string[] = [];
  for (const part of list.split(',')) {
    const begins = schemes.some((scheme) => part.trimStart().startsWith(`${scheme}://`));
    if (begins || urls.length === 0) urls.push(part);
    else urls.push(`${urls.pop()},${part}`);
  }
  return urls.map((part) => part.trim());
}

const isText = (value: string | Rejection): value is string => typeof value === 'string';

function allOf(values: readonly (string | Rejection)[]): readonly string[] | Rejection {
  const rejected = values.find((value) => !isText(value));
  return rejected === undefined || isText(rejected) ? values.filter(isText) : rejected;
}

/** The URL of a service's database, with its percent-encoded credentials; `undefined` when the variable is unset. */
export const optionalDatabaseUrl = (): Field<string | undefined> => ({
  parse(value) {
    const valid = validUrl(value, ['mysql', 'mariadb'], '; credentials are percent-encoded in it');
    if (typeof valid !== 'string') return valid;
    return new URL(value).pathname.length > 1 ? valid : { problem: 'must name a database in its path' };
  },
  fallback: undefined,
  optional: true,
  production: { refuse: refuseCredentials, advice: 'use a database user with a random password' },
});

/** A user and a password, decoded. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The credentials in a URL, percent-decoded as UTF-8 (RFC 3986, section 3.2.1); empty where the URL has none. */
export function credentialsOf(address: string): Credentials {
  const { username, password } = new URL(address);
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Whatever their characters, credentials neither end the authority of a URL nor are decoded as anything else. */
function withCredentials(
  address: string,
  { user, password }: { [Part in keyof Credentials]: string | undefined },
): string {
  const parsed = new URL(address);
  if (user !== undefined) parsed.username = encodeURIComponent(user);
  if (password !== undefined) parsed.password = encodeURIComponent(password);
  return parsed.href;
}

function refuseCredentials(address: string): string | undefined {
  const { password } = credentialsOf(address);
  if (password === '') return 'has no password';
  return refuseWellKnown(password) === undefined ? undefined : 'has a well-known or development password';
}

/**
 * Unencoded characters of a password end the authority early: what follows is a path, a query or a fragment with the
 * rest of the password, `@` and the host.
 */
function validUrl(value: string, schemes: readonly string[], hint = ''): string | Rejection {
  const rejection = {
    problem: `must be a URL (${schemes.map((scheme) => `${scheme}://`).join(' or ')}…)${hint}`,
  };
  const parsed = URL.parse(value);
  // A URL may have a comma in its host: here it separates hosts that lack their scheme.
  if (parsed === null || parsed.hostname === '' || parsed.hostname.includes(',')) return rejection;
  if (!schemes.includes(parsed.protocol.slice(0, -1))) return rejection;
  const isCut =
    schemes !== WEB &&
    parsed.username === '' &&
    `${parsed.pathname}${parsed.search}${parsed.hash}`.includes('@');
  return isCut || !isDecodable(parsed) ? rejection : value;
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}
