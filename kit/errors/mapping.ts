import { ElysiaCustomStatusResponse, type InternalRoute, type ValidationError } from 'elysia';
import {
  DependencyUnavailable,
  type FieldError,
  InternalError,
  MalformedBody,
  MethodNotAllowed,
  Problem,
  RouteNotFound,
  ValidationFailed,
} from './problem';

/** Only names a schema could hold are echoed, because the key of a record is client input. */
const FIELD_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_FIELD_ERRORS = 20;

/**
 * Maps anything thrown below a route to a problem. The framework's own error messages quote the submitted value,
 * passwords included, so none of them is ever passed on.
 *
 * @param code Elysia's error code
 * @param allowed returns the methods of this path; called only when no route matched
 */
export function problemOfFrameworkError(
  error: unknown,
  code: string | number,
  allowed: () => string[],
): Problem {
  if (error instanceof Problem) return error;
  if (code === 'VALIDATION' && isValidation(error)) return fromValidation(error);
  // Errors thrown by a parse hook arrive wrapped.
  if (code === 'PARSE') return causeOf(error) ?? new MalformedBody();
  if (code === 'INVALID_FILE_TYPE') return new ValidationFailed({ detail: 'The file type is not accepted.' });
  if (code === 'NOT_FOUND') {
    const methods = allowed();
    return methods.length === 0
      ? new RouteNotFound()
      : new MethodNotAllowed({ headers: { allow: methods.join(', ') } });
  }
  if (error instanceof ElysiaCustomStatusResponse)
    return new InternalError({ cause: new Error('A route threw a bare status instead of a problem') });
  return problemOfFailure(error);
}

/**
 * Maps an error that is not a problem: a dependency that cannot be reached or accepts no more work becomes 503, so that
 * callers retry; anything else is an internal error.
 */
export function problemOfFailure(failure: unknown): Problem {
  if (failure instanceof Problem) return failure;
  for (let cause = failure; cause instanceof Error; cause = cause.cause) {
    // Thrown by a client of ours, and wrapped on the way, as drizzle does.
    if (cause instanceof DependencyUnavailable) return cause;
    if (isConnectionFailure(cause))
      return new DependencyUnavailable({ headers: { 'retry-after': '1' }, cause: failure });
  }
  return new InternalError({ cause: failure });
}

/**
 * Node's codes for a server that cannot be reached, and MySQL's for one that closed or rejected the connection, takes no writes,
 * or let others have their way all the time.
 */
const CONNECTION_FAILURES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'],
  ...['PROTOCOL_CONNECTION_LOST', 'ER_SERVER_SHUTDOWN', 'ER_CON_COUNT_ERROR'],
  ...['ER_UNKNOWN_COM_ERROR', 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE', 'ER_LOCK_DEADLOCK'],
]);

/** The timeouts of the AWS SDK and of `AbortSignal.timeout` have this name, and no code of the above. */
const TIMEOUT = 'TimeoutError';

const isConnectionFailure = (error: Error): boolean =>
  error.name === TIMEOUT ||
  ('code' in error && typeof error.code === 'string' && CONNECTION_FAILURES.has(error.code));

const isValidation = (error: unknown): error is ValidationError => error instanceof Error && 'all' in error;

const causeOf = (error: unknown) =>
  error instanceof Error && error.cause instanceof Problem ? error.cause : undefined;

function fromValidation(error: ValidationError): Problem {
  // A response that does not match its schema is a server error, not the caller's.
  if (error.type === 'response')
    return new InternalError({ cause: new Error(`response schema: ${pathsOf(error)}`) });
  return new ValidationFailed({ errors: fieldErrors(error) });
}

function fieldErrors(error: ValidationError): FieldError[] {
  const errors = new Map<string, FieldError>();
  for (const item of error.all) {
    const field = fieldName('path' in item ? item.path : '', error.type);
    // The first error of a field is the most specific; the others follow from it.
    if (!errors.has(field)) errors.set(field, { field, message: messageOf(item) });
    if (errors.size === MAX_FIELD_ERRORS) break;
  }
  return [...errors.values()];
}

function messageOf(item: object): string {
  const schema =
    'schema' in item && item.schema !== null && typeof item.schema === 'object' ? item.schema : {};
  if ('error' in schema && typeof schema.error === 'string') return schema.error;
  if ('message' in item && typeof item.message === 'string') return item.message;
  return 'Invalid value';
}

function fieldName(path: string, part: string): string {
  const names: string[] = [];
  for (const name of path.split('/').slice(1)) {
    if (!FIELD_NAME.test(name)) break;
    names.push(name);
  }
  return names.length === 0 ? part : names.join('.');
}

const pathsOf = (error: ValidationError) =>
  error.all.map((item) => ('path' in item ? item.path : '')).join(', ');

/** The methods of the routes that match a path, for the `Allow` header. */
export function allowedMethods(routes: readonly InternalRoute[], path: string): string[] {
  const segments = path.split('/');
  const methods = new Set<string>();
  for (const route of routes) if (matches(route.path.split('/'), segments)) methods.add(route.method);
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.at(-1) === '*')
    return pattern.slice(0, -1).every((part, index) => segmentMatches(part, path[index]));
  return pattern.length === path.length && pattern.every((part, index) => segmentMatches(part, path[index]));
}

const segmentMatches = (pattern: string, segment: string | undefined) =>
  segment !== undefined && (pattern === segment || (pattern.startsWith(':') && segment !== ''));
