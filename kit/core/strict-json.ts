import { type FieldError, MalformedBody, ValidationFailed } from '../errors/problem';

/** Half of a character, as JSON may write it: `\ud83d`. Without one of these in the source no text can be ill-formed. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const MAX_FIELD_ERRORS = 20;
const MAX_DEPTH = 100;
/** A body of the largest size could hold half a million, each of which costs time in every step: nobody else waits that long. */
const MAX_VALUES = 20_000;

/**
 * Parses JSON that a stranger has written, be it a body, a frame of a WebSocket or a record of an archive, without repairing it.
 *
 * @throws MalformedBody (400) for what is no JSON
 * @throws ValidationFailed (422) naming each member that holds half of a character, when a name stands twice in an object, and
 *   for more than 100 levels or 20,000 values, before anything else looks at them
 */
export function parseStrictJson(source: string): unknown {
  const extent = extentOf(source);
  const tooMuch = [
    ...(extent.depth > MAX_DEPTH ? [`At most ${MAX_DEPTH} levels`] : []),
    ...(extent.values > MAX_VALUES ? [`At most ${MAX_VALUES} values`] : []),
  ];
  if (tooMuch.length > 0)
    throw new ValidationFailed({ errors: tooMuch.map((message) => ({ field: 'body', message })) });
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new MalformedBody({ cause });
  }
  if (SURROGATE_ESCAPE.test(source)) requireWellFormed(value);
  // The parser keeps the last one: the others would be ignored in silence.
  if (extent.names !== countMembers(value))
    throw new ValidationFailed({ errors: [{ field: 'body', message: 'Each member once' }] });
  return value;
}

interface Extent {
  /** Members of all objects. */
  readonly names: number;
  readonly values: number;
  readonly depth: number;
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];

/**
 * Looks at each character of a JSON text once, and at no more once there is too much of something. Of what is no JSON the
 * numbers are as good as any.
 */
function extentOf(source: string): Extent {
  let [names, values, depth, deepest] = [0, 1, 0, 0];
  for (let at = 0; at < source.length && deepest <= MAX_DEPTH && values <= MAX_VALUES; at++) {
    const code = source.charCodeAt(at);
    if (code === QUOTE) at = endOfString(source, at);
    else if (code === COLON) names++;
    else if (code === COMMA) values++;
    else if (code === 0x5b || code === 0x7b) {
      values++;
      depth++;
      deepest = Math.max(deepest, depth);
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return { names, values, depth: deepest };
}

/** The index of the closing quotation mark of a string. */
function endOfString(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at++) {
    const code = source.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return source.length;
}

/** The members of all objects in a value. Iterative: JSON may nest deeper than the stack reaches. */
function countMembers(value: unknown): number {
  let count = 0;
  const pending = [value];
  while (pending.length > 0) {
    const one = pending.pop();
    if (typeof one !== 'object' || one === null) continue;
    const members = Object.values(one);
    if (!Array.isArray(one)) count += members.length;
    for (const member of members) if (typeof member === 'object') pending.push(member);
  }
  return count;
}

/**
 * Holds every text of a value, and every name of a member, to be valid Unicode.
 *
 * @throws ValidationFailed naming the members that are not
 */
export function requireWellFormed(value: unknown): void {
  const errors: FieldError[] = [];
  collect(value, [], errors);
  if (errors.length > 0) throw new ValidationFailed({ errors });
}

function collect(value: unknown, path: readonly string[], errors: FieldError[]): void {
  if (errors.length === MAX_FIELD_ERRORS) return;
  if (path.length > MAX_DEPTH) {
    errors.push({ field: path[0] ?? 'body', message: `At most ${MAX_DEPTH} levels` });
    return;
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      errors.push({ field: path.join('.') || 'body', message: 'Valid Unicode text' });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, [...path, String(index)], errors);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value))
      if (name.isWellFormed()) collect(member, [...path, name], errors);
      else errors.push({ field: path.join('.') || 'body', message: 'Member names in valid Unicode' });
  }
}
