/** Shown to the person, who copies the code into the app: for apps that no redirect reaches. */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';

export const MAX_REDIRECT_URI_LENGTH = 2_000;
export const MAX_REDIRECT_URIS = 20;

/** Printable ASCII without what parsers read in different ways. A fragment would swallow the response (RFC 6749, 3.1.2). */
const CHARACTERS = /^[\x21-\x7e]+$/;
const FORBIDDEN = /[\\"<>^`{|}#]/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const AUTHORITY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?]*)/;

/** Hosts that are this machine whatever the network says (RFC 8252, section 7.3; `localhost` by RFC 9700, section 4.1.3). */
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?=[:/?]|$)/;
const LOOPBACK_PORT = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):[0-9]{1,5}(?=[/?]|$)/;

/**
 * Schemes without a dot that browsers and systems handle themselves: they run scripts, show files, or start programs with
 * parameters. A scheme of an app's own should be a domain in reverse, which has a dot (RFC 8252, section 7.1).
 */
const NOT_OF_APPS =
  /^(?:about|blob|content|data|facetime|file|filesystem|ftps?|geo|gopher|intent|jar|javascript|livescript|mailto|mms|resource|sftp|shell|smb|sms|ssh|tel|telnet|vbscript|view-source|wais|wss?|(?:android|chrome|edge|mhtml|mk|moz|ms|opera|search|steam|tn3270|web)[+a-z0-9-]*)$/;

/**
 * Whether an app may register a redirect URI: `https`, `http` on this machine only, a scheme of the app's own, or out of band.
 * Its scheme and host are compared as they are written, so they are in lower case.
 */
export function isRedirectUri(uri: string): boolean {
  if (uri === OUT_OF_BAND) return true;
  if (uri.length > MAX_REDIRECT_URI_LENGTH || !CHARACTERS.test(uri) || FORBIDDEN.test(uri)) return false;
  const scheme = SCHEME.exec(uri)?.[1];
  const parsed = URL.parse(uri);
  if (scheme === undefined || parsed === null || scheme !== scheme.toLowerCase()) return false;
  const authority = AUTHORITY.exec(uri)?.[1];
  if (authority?.includes('@') === true || parsed.username !== '' || parsed.password !== '') return false;
  if (scheme === 'https') return isHost(authority, parsed);
  if (scheme === 'http') return LOOPBACK.test(uri) && isHost(authority, parsed);
  return scheme.includes('.') || (authority !== undefined && !NOT_OF_APPS.test(scheme));
}

/** The host stands there as every parser reads it: not with a number in another form, encoded, or with the default port. */
const isHost = (authority: string | undefined, { host }: URL): boolean =>
  authority !== undefined && host !== '' && authority === host;

/**
 * Whether a request names one of the registered redirect URIs: exactly, but for the port of one on this machine, which an app
 * cannot choose before it starts (RFC 8252, section 7.3; RFC 9700, section 2.1).
 */
export function isRegisteredRedirectUri(registered: readonly string[], requested: string): boolean {
  if (registered.includes(requested)) return true;
  if (!LOOPBACK.test(requested) || !isRedirectUri(requested)) return false;
  const asked = withoutPort(requested);
  return registered.some((uri) => LOOPBACK.test(uri) && withoutPort(uri) === asked);
}

const withoutPort = (uri: string): string => uri.replace(LOOPBACK_PORT, '$1');

/** Whether whoever is redirected to is known to be the app: others can listen on this machine, and take a custom scheme. */
export const isClaimed = (uri: string): boolean => uri.startsWith('https:');

/** The source of a `form-action` that lets a form lead to a redirect URI: Chrome holds it to the redirects that follow. */
export function formActionOf(uri: string): string[] {
  if (uri === OUT_OF_BAND) return [];
  const { origin, protocol } = new URL(uri);
  return [protocol === 'https:' || protocol === 'http:' ? origin : protocol];
}

/** A redirect URI with the parameters of a response, and all of its own (RFC 6749, section 4.1.2). */
export function withParameters(
  uri: string,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const added = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) added.append(name, value);
  return `${uri}${uri.includes('?') ? '&' : '?'}${added.toString()}`;
}
