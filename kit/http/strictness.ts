import type { TSchema } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Problem } from '../errors/problem';
import { unknownFields, unknownMembers } from './body/unknown-members';
import { unbindCursor } from './lists/cursor';

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
    const unknown = [
      ...(known.body === undefined ? [] : unknownMembers(known.body, body)),
      ...(known.query === undefined ? [] : unknownMembers(known.query, query)),
    ];
    if (unknown.length > 0) return unknownFields(unknown);
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

const schemasOf = (app: AnyElysia): Map<string, RouteSchemas> =>
  new Map(
    app.routes.map(({ method, path, hooks }) => [
      `${method} ${path}`,
      { body: schemaIn(hooks.body), query: schemaIn(hooks.query) },
    ]),
  );

const schemaIn = (schema: unknown): TSchema | undefined =>
  typeof schema === 'object' && schema !== null ? (schema as TSchema) : undefined;
