/** Maps the references (RFC 3986, 4.1) of a service to those of its clients. */
export interface ReferenceMap {
  /** @param path without query and fragment */
  path(path: string): string;
  cookiePath(path: string): string;
  /** Whether an origin, like `https://api.example.com`, is the one the client has asked. */
  isOwn(origin: string): boolean;
}

const SLASH = 0x2f;

/** Maps a reference with an absolute path at this host; relative ones and those to other hosts are unchanged. */
export function mapReference(reference: string, map: ReferenceMap): string {
  if (reference.charCodeAt(0) !== SLASH) return mapAbsolute(reference, map);
  if (reference.charCodeAt(1) !== SLASH) return mapFrom(reference, 0, map);
  const end = authorityEnd(reference, 2);
  return map.isOwn(`http:${reference.slice(0, end)}`) ? mapFrom(reference, end, map) : reference;
}

function mapAbsolute(reference: string, map: ReferenceMap): string {
  const scheme = reference.slice(0, 'https://'.length).toLowerCase();
  const start = scheme === 'https://' ? 8 : scheme.startsWith('http://') ? 7 : 0;
  if (start === 0) return reference;
  const end = authorityEnd(reference, start);
  return map.isOwn(reference.slice(0, end)) ? mapFrom(reference, end, map) : reference;
}

/** @param start where the path begins, or would */
function mapFrom(reference: string, start: number, map: ReferenceMap): string {
  let end = start;
  while (end < reference.length && reference[end] !== '?' && reference[end] !== '#') end++;
  const path = end === start ? '/' : reference.slice(start, end);
  return reference.slice(0, start) + map.path(path) + reference.slice(end);
}

function authorityEnd(reference: string, start: number): number {
  let end = start;
  while (end < reference.length && !'/?#'.includes(reference.charAt(end))) end++;
  return end;
}

/** Maps the targets of a Link field (RFC 8288, 3): what is in angle brackets, outside of quoted parameters. */
export function mapLinks(value: string, map: ReferenceMap): string {
  let text = '';
  let copied = 0;
  let isQuoted = false;
  for (let position = 0; position < value.length; position++) {
    const character = value[position];
    if (isQuoted && character === '\\') position++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === '<' && !isQuoted) {
      const end = value.indexOf('>', position);
      if (end === -1) break;
      text += value.slice(copied, position + 1) + mapReference(value.slice(position + 1, end), map);
      copied = end;
      position = end;
    }
  }
  return text + value.slice(copied);
}

/**
 * Maps the Path attributes of a Set-Cookie field (RFC 6265, 4.1.1). Without one, or with a relative one, clients derive the
 * path from the address they have asked. A `__Host-` cookie is valid with `/` only.
 */
export function mapCookiePath(value: string, map: ReferenceMap): string {
  const [pair = '', ...attributes] = value.split(';');
  if (pair.trimStart().slice(0, '__Host-'.length).toLowerCase() === '__host-') return value;
  const mapped = attributes.map((attribute) => {
    const equals = attribute.indexOf('=');
    if (equals === -1 || attribute.slice(0, equals).trim().toLowerCase() !== 'path') return attribute;
    const path = attribute.slice(equals + 1).trim();
    return path.charCodeAt(0) === SLASH ? `${attribute.slice(0, equals)}=${map.cookiePath(path)}` : attribute;
  });
  return [pair, ...mapped].join(';');
}
