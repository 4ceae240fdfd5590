interface StoredCookie {
  readonly name: string;
  readonly path: string;
  readonly value: string;
}

/** The cookies a browser would keep for one host and send back, by path (RFC 6265, sections 5.1.4, 5.3 and 5.4). */
export interface CookieJar {
  /** The `Cookie` field for a request to a path; empty without cookies for it. */
  fieldFor(path: string): Record<string, string>;
  /** Stores what the response to a request to a path sets. */
  receive(path: string, headers: Headers): void;
  readonly size: number;
}

export function cookieJar(): CookieJar {
  const cookies = new Map<string, StoredCookie>();
  return {
    get size() {
      return cookies.size;
    },
    fieldFor(path) {
      const sent = [...cookies.values()].filter((cookie) => matches(cookie.path, path));
      return sent.length === 0
        ? {}
        : { cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') };
    },
    receive(requestPath, headers) {
      for (const line of headers.getSetCookie()) {
        const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
        const [name, value] = splitAt(pair);
        const named = new Map(
          attributes.map(splitAt).map(([attribute, text]) => [attribute.toLowerCase(), text]),
        );
        const stated = named.get('path') ?? '';
        const path = stated.startsWith('/') ? stated : defaultPath(requestPath);
        if (named.get('max-age') === '0') cookies.delete(`${name} ${path}`);
        else cookies.set(`${name} ${path}`, { name, value, path });
      }
    },
  };
}

function splitAt(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  return equals === -1 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

const defaultPath = (path: string) => path.slice(0, Math.max(1, path.lastIndexOf('/')));

const matches = (cookiePath: string, path: string) =>
  path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
