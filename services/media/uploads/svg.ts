/**
 * Whether a text begins as an SVG document: the first element is `svg`, preceded only by what XML allows before it. Each
 * character is looked at once, whatever stands there.
 *
 * @param head the first characters of a file
 */
export function isSvg(head: string): boolean {
  const start = head.startsWith('\ufeff') ? 1 : 0;
  for (let at: number | undefined = start; at !== undefined; at = endOfProlog(head, at)) {
    at = skipBlanks(head, at);
    if (isRoot(head, at)) return true;
  }
  return false;
}

/** The root element, with or without a prefix. */
const isRoot = (head: string, at: number): boolean =>
  /^<(?:svg:)?svg[\s>/]/i.test(head.slice(at, at + '<svg:svg>'.length));

/** The index after the instruction, comment or document type at `at`; undefined for anything else. */
function endOfProlog(head: string, at: number): number | undefined {
  if (head.startsWith('<?', at)) return after(head, '>', at);
  if (head.startsWith('<!--', at)) return after(head, '-->', at + '<!--'.length);
  return /^<!DOCTYPE\s+svg/i.test(head.slice(at, at + MAX_DOCTYPE_START))
    ? endOfDoctype(head, at)
    : undefined;
}

/** White space before the name of a document type is one character in practice. */
const MAX_DOCTYPE_START = 40;

/** With or without declarations in brackets. */
function endOfDoctype(head: string, at: number): number | undefined {
  const end = after(head, '>', at);
  const bracket = head.indexOf('[', at);
  if (bracket === -1 || (end !== undefined && end < bracket)) return end;
  const closed = after(head, ']', bracket);
  const last = closed === undefined ? head.length : skipBlanks(head, closed);
  return head[last] === '>' ? last + 1 : undefined;
}

function after(head: string, text: string, from: number): number | undefined {
  const found = head.indexOf(text, from);
  return found === -1 ? undefined : found + text.length;
}

function skipBlanks(head: string, from: number): number {
  let at = from;
  while (/^\s$/.test(head[at] ?? '')) at++;
  return at;
}
