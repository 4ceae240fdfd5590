import { ElysiaCustomStatusResponse, type InternalRoute, type ValidationError } from 'elysia';
import {
  BodyTooLarge,
  DependencyUnavailable,
  type FieldError,
  InternalError,
  MalformedBody,
  MethodNotAllowed,
  Problem,
  RouteNotFound,
  ValidationFailed,
} from './problem';

/** The field named in an answer: only names a schema could hold, because a key may be what a client sent. */
const FIELD_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAXIMUM_FIELD_ERRORS = 20;

/**
 * Turns whatever was thrown below a route into a problem. The framework's own messages hold the submitted value,
 * passwords included, so none of them is ever passed on.
 *
 * @param allowed the methods this path does answer, asked for only when the route was not found
 */
export function problemOfFrameworkError(
  error: unknown,
  code: string | number,
  allowed: () => string[],
): Problem {
  if (error instanceof Problem) return error;
  if (code === 'VALIDATION' && isValidation(error)) return fromValidation(error);
  // What a parse hook throws arrives wrapped.
  if (code === 'PARSE') return causeOf(error) ?? new MalformedBody();
  if (code === 'INVALID_FILE_TYPE')
    return new ValidationFailed({ detail: 'The file is not of an accepted type.' });
  if (code === 'NOT_FOUND') {
    const methods = allowed();
    return methods.length === 0
      ? new RouteNotFound()
      : new MethodNotAllowed({ headers: { allow: methods.join(', ') } });
  }
  if (error instanceof Error && 'code' in error && error.code === 'ERR_BODY_TOO_LARGE')
    return new BodyTooLarge();
  if (error instanceof ElysiaCustomStatusResponse)
    return new InternalError({ cause: new Error('A route threw a bare status instead of a named problem') });
  return problemOfFailure(error);
}

/**
 * What a failure is that no route has named: a problem as it is, a server that cannot be reached or takes no more as
 * 503, so that it is tried again, anything else as our own mistake.
 */
export function problemOfFailure(failure: unknown): Problem {
  if (failure instanceof Problem) return failure;
  if (isConnectionLost(failure) || isQueueFull(failure))
    return new DependencyUnavailable({ headers: { 'retry-after': '1' }, cause: failure });
  return new InternalError({ cause: failure });
}

/** Node's codes of a server that cannot be reached, and mysql2's for one that has gone away in between. */
const CONNECTION_LOST = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'],
  ...['PROTOCOL_CONNECTION_LOST', 'ER_SERVER_SHUTDOWN', 'ER_CON_COUNT_ERROR'],
]);

/** True for a failure to reach a server, also as the cause of another: the same request may work a moment later. */
function isConnectionLost(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ('code' in cause && typeof cause.code === 'string' && CONNECTION_LOST.has(cause.code)) return true;
  return false;
}

/** True when more are waiting for a connection to the database than may: mysql2 has no code for it. */
function isQueueFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause.message === 'Queue limit reached.') return true;
  return false;
}

const isValidation = (error: unknown): error is ValidationError => error instanceof Error && 'all' in error;

const causeOf = (error: unknown) =>
  error instanceof Error && error.cause instanceof Problem ? error.cause : undefined;

function fromValidation(error: ValidationError): Problem {
  // A response that does not fit its schema is our fault, not the caller's.
  if (error.type === 'response')
    return new InternalError({ cause: new Error(`response schema: ${pathsOf(error)}`) });
  return new ValidationFailed({ errors: fieldErrors(error) });
}

function fieldErrors(error: ValidationError): FieldError[] {
  const errors = new Map<string, FieldError>();
  for (const item of error.all) {
    const field = fieldName('path' in item ? item.path : '', error.type);
    // The first message of a field is the most telling; the others follow from it.
    if (!errors.has(field)) errors.set(field, { field, message: messageOf(item) });
    if (errors.size === MAXIMUM_FIELD_ERRORS) break;
  }
  return [...errors.values()];
}

function messageOf(item: object): string {
  const schema =
    'schema' in item && item.schema !== null && typeof item.schema === 'object' ? item.schema : {};
  if ('error' in schema && typeof schema.error === 'string') return schema.error;
  if ('message' in item && typeof item.message === 'string') return item.message;
  return 'Not valid';
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

/** The methods with which some route answers this path: for `Allow`. */
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
