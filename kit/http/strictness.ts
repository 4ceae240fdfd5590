import type { TSchema } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { type FieldError, Problem, ValidationFailed } from '../errors/problem';
import { unknownMembers } from './body/unknown-members';
import { unbindCursor } from './lists/cursor';

const MAX_FIELD_ERRORS = 20;
/** A name is repeated in an error only where a schema could hold it: it may be anything that a client sent. */
const FIELD_NAME = /^[A-Za-z0-9_-]{1,64}$/;

interface RouteSchemas {
  readonly body: TSchema | undefined;
  readonly query: TSchema | undefined;
}

export interface ReceivedRequest {
  readonly method: string;
  /** The pattern. */
  readonly route: string;
  readonly pathname: string;
  readonly body: unknown;
  /** Its `cursor` is replaced by the key that it holds. */
  readonly query: Record<string, unknown>;
}

/**
 * Holds requests to what their route reads: members of a body and parameters of a query that no schema names are refused,
 * and so are cursors of other lists. A request is honoured whole or refused, never half-understood.
 *
 * @returns the problem of a request; undefined where there is none
 */
export function createStrictness(app: AnyElysia): (request: ReceivedRequest) => Problem | undefined {
  let schemas: Map<string, RouteSchemas> | undefined;
  return ({ method, route, pathname, body, query }) => {
    // Not before the first request: routes are added after the platform.
    schemas ??= schemasOf(app);
    const known = schemas.get(`${method === 'HEAD' ? 'GET' : method} ${route}`);
    if (known === undefined) return undefined;
    const errors = [
      ...(known.body === undefined ? [] : unknownMembers(known.body, body)),
      ...(known.query === undefined ? [] : unknownMembers(known.query, query)),
    ].map(fieldError);
    if (errors.length > 0) return new ValidationFailed({ errors: errors.slice(0, MAX_FIELD_ERRORS) });
    return known.query === undefined ? undefined : readCursor(pathname, query);
  };
}

function readCursor(pathname: string, query: Record<string, unknown>): Problem | undefined {
  if (typeof query.cursor !== 'string') return undefined;
  try {
    query.cursor = unbindCursor(pathname, query.cursor);
    return undefined;
  } catch (failure) {
    if (failure instanceof Problem) return failure;
    throw failure;
  }
}

function fieldError(path: readonly string[]): FieldError {
  const names = path.slice(0, path.findIndex((name) => !FIELD_NAME.test(name)) >>> 0);
  return { field: names.join('.') || 'body', message: 'Unknown field' };
}

const schemasOf = (app: AnyElysia): Map<string, RouteSchemas> =>
  new Map(
    app.routes.map(({ method, path, hooks }) => [
      `${method} ${path}`,
      { body: schemaIn(hooks.body), query: schemaIn(hooks.query) },
    ]),
  );

const schemaIn = (schema: unknown): TSchema | undefined =>
  typeof schema === 'object' && schema !== null ? (schema as TSchema) : undefined;
