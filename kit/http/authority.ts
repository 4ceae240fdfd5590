/**
 * Comparison of authorities (RFC 3986, section 3.2.2 and 6.2.3), for every comparison of hosts and origins: the case of the
 * host, a port that is the default of the scheme, the dot of a fully qualified name and the spelling of an IPv6 address
 * make no difference.
 */

/** Characters that end an authority, or belong to none that a client may send. */
const FOREIGN = /[\s/?#@\\]/;

/** Scheme and authority in one spelling. */
export interface Origin {
  /** With its colon: `https:`. */
  readonly protocol: string;
  readonly hostname: string;
  /** Host, and port unless it is the default. */
  readonly authority: string;
}

/**
 * Reads an origin, like `https://App.Example.com:443`.
 *
 * @returns null for anything else, `null` included, which pages without an origin send
 */
export function readOrigin(text: string): Origin | null {
  const separator = text.indexOf('://');
  return separator === -1 ? null : originAt(text.slice(0, separator + 1), text.slice(separator + 3));
}

/** Whether two texts are the same origin. */
export function isSameOrigin(left: string, right: string): boolean {
  const [one, other] = [readOrigin(left), readOrigin(right)];
  if (one === null || other === null) return false;
  return one.protocol === other.protocol && one.authority === other.authority;
}

/**
 * Whether an origin is at an authority, as a `Host` field has it.
 *
 * @param authority its default port is that of the origin's scheme: `Host` names none
 */
export const isAtAuthority = (origin: Origin, authority: string): boolean =>
  originAt(origin.protocol, authority)?.authority === origin.authority;

function originAt(scheme: string, authority: string): Origin | null {
  if (authority === '' || FOREIGN.test(authority)) return null;
  const url = URL.parse(`${scheme}//${authority}`);
  if (url === null || url.hostname === '') return null;
  const hostname = url.hostname.endsWith('.') ? url.hostname.slice(0, -1) : url.hostname;
  if (hostname === '') return null;
  const port = url.port === '' ? '' : `:${url.port}`;
  return { protocol: url.protocol, hostname, authority: hostname + port };
}
