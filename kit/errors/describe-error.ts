import { DrizzleQueryError } from 'drizzle-orm/errors';

/** Error fields that help diagnosis and never hold user data. Drivers also attach whole queries with their values. */
const SAFE_FIELDS = ['code', 'errno', 'sqlState', 'status', 'syscall', 'address', 'port'];
const MAX_CAUSE_DEPTH = 5;

/**
 * Serializes an error for the log: type, message, stack, known fields and causes. Query values are removed, because they
 * may be password hashes or private messages.
 *
 * @param failure anything that was thrown; a value that is not an error is returned as it is, strings without query values
 */
export function describeError(failure: unknown, depth = 0): unknown {
  if (typeof failure === 'string') return withoutQueryValues(failure);
  if (!(failure instanceof Error)) return failure;
  const fields = Object.entries(failure).filter(
    ([name, value]) => SAFE_FIELDS.includes(name) && ['string', 'number'].includes(typeof value),
  );
  return {
    type: failure.name === 'Error' ? failure.constructor.name : failure.name,
    message: errorMessage(failure),
    ...Object.fromEntries(fields),
    stack: framesOf(failure),
    ...(failure.cause !== undefined &&
      depth < MAX_CAUSE_DEPTH && { cause: describeError(failure.cause, depth + 1) }),
  };
}

/** The message of an error, without query values. */
export const errorMessage = (failure: Error): string =>
  failure instanceof DrizzleQueryError
    ? `Failed query: ${failure.query}`
    : withoutQueryValues(failure.message);

/** What the server writes around the value: the text between the first and the last, since the value may hold them too. */
const DUPLICATE = "Duplicate entry '";
const OF_KEY = "' for key";

/** drizzle appends the values to the message of a failed query; the server quotes the value of a duplicate key. */
function withoutQueryValues(text: string): string {
  const query = text.includes('Failed query: ') ? (text.split('\nparams: ', 1)[0] ?? '') : text;
  const start = query.indexOf(DUPLICATE);
  const end = query.lastIndexOf(OF_KEY);
  if (start === -1 || end < start + DUPLICATE.length) return query;
  return `${query.slice(0, start)}Duplicate entry for key${query.slice(end + OF_KEY.length)}`;
}

/** The stack without the message it starts with. */
function framesOf({ stack = '', message }: Error): string {
  const start = stack.indexOf(message);
  return stack.slice(start === -1 ? 0 : start + message.length).trim();
}
