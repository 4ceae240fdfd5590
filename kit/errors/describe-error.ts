import { DrizzleQueryError } from 'drizzle-orm/errors';

/** What helps to find a fault and cannot hold what somebody sent. Drivers put whole queries, values included, beside these. */
const SAFE_FIELDS = ['code', 'errno', 'sqlState', 'status', 'syscall', 'address', 'port'];
const DEEPEST_CAUSE = 5;

/**
 * An error as it may be written down: type, message, stack, known fields and causes. The values of a failed query are
 * left out, because they may be a password's hash or somebody's letter.
 *
 * @param failure anything that was thrown; what is no error is returned as it is, texts without such values
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
      depth < DEEPEST_CAUSE && { cause: describeError(failure.cause, depth + 1) }),
  };
}

/** The message of an error, without the values of a failed query. */
export const errorMessage = (failure: Error): string =>
  failure instanceof DrizzleQueryError
    ? `Failed query: ${failure.query}`
    : withoutQueryValues(failure.message);

/** Where drizzle, at the end of a failed query's message, and the server, for a taken key, write values down. */
function withoutQueryValues(text: string): string {
  const query = text.includes('Failed query: ') ? text.replace(/\nparams: [\s\S]*$/, '') : text;
  return query.replace(/Duplicate entry '[\s\S]*' for key/, 'Duplicate entry for key');
}

/** The stack without the message it begins with. */
function framesOf({ stack = '', message }: Error): string {
  const start = stack.indexOf(message);
  return stack.slice(start === -1 ? 0 : start + message.length).trim();
}
