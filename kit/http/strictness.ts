import { Kind, type TSchema, TypeGuard } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Problem, ValidationFailed } from '../errors/problem';
import { type MediaType, mediaTypesOf, problemOfNeedlessBody } from './body/read-body';
import { unknownFields, unknownMembers } from './body/unknown-members';
import { unbindCursor } from './lists/cursor';
import { isOperationalPath } from './operations/operations';

/** What a route reads of a request: all that it may contain. */
export interface RouteRules {
  readonly body: TSchema | undefined;
  /** Whether its body is an object. */
  readonly takesObject: boolean;
  readonly query: QueryRules | undefined;
  /** The schemas of its responses by status; one without a status is that of 200. */
  readonly responses: ReadonlyMap<number, TSchema>;
  /** The media types of its body. */
  readonly mediaTypes: readonly MediaType[];
  /** Whether it has a parser of its own: the protocol of an upload says what its body may be. */
  readonly readsBodyItself: boolean;
  /** Whether it takes any query: monitoring adds parameters of its own to health checks and metrics. */
  readonly takesAnyQuery: boolean;
}

/** What the schema of a query says of its parameters, read once: TypeBox looks through a whole schema to tell what it is. */
export interface QueryRules {
  /** Whether each parameter may be repeated, by its name. */
  readonly parameters: ReadonlyMap<string, boolean>;
  /** Whether parameters that have no schema are accepted too. */
  readonly isOpen: boolean;
}

export type FindRules = (method: string, route: string) => RouteRules | undefined;

/**
 * Finds the rules of a route by its method and pattern; undefined for what the app has no route for.
 *
 * @param platformParser the parse hook of all routes; any other one is a route's own
 */
export function routeRules(app: AnyElysia, platformParser: unknown): FindRules {
  let rules: Map<string, RouteRules> | undefined;
  // A route may name a model of the app instead of a schema.
  const schemaOf = (schema: unknown) =>
    typeof schema === 'string' ? modelOf(app.models, schema) : schemaIn(schema);
  return (method, route) => {
    // Not before the first request: routes are added after the platform.
    rules ??= new Map(
      app.routes.map(({ method: one, path, hooks }) => [
        `${one} ${path}`,
        rulesOf(path, hooks, { schemaOf, platformParser }),
      ]),
    );
    return rules.get(`${method} ${route}`) ?? (method === 'HEAD' ? rules.get(`GET ${route}`) : undefined);
  };
}

interface RouteHooks {
  readonly body?: unknown;
  readonly query?: unknown;
  readonly response?: unknown;
  readonly parse?: unknown;
}

function rulesOf(
  path: string,
  { body, query, response, parse }: RouteHooks,
  { schemaOf, platformParser }: { schemaOf: typeof schemaIn; platformParser: unknown },
): RouteRules {
  const bodySchema = schemaOf(body);
  const parsers: readonly unknown[] = Array.isArray(parse) ? parse : parse === undefined ? [] : [parse];
  return {
    body: bodySchema,
    takesObject: bodySchema !== undefined && TypeGuard.IsObject(bodySchema),
    query: queryRulesOf(schemaOf(query)),
    responses: responsesOf(response, schemaOf),
    mediaTypes: mediaTypesOf(bodySchema),
    readsBodyItself: parsers.some((one) => one !== platformParser && Object(one).fn !== platformParser),
    takesAnyQuery: isOperationalPath(path),
  };
}

function queryRulesOf(schema: TSchema | undefined): QueryRules | undefined {
  if (schema === undefined) return undefined;
  const properties = TypeGuard.IsObject(schema) ? schema.properties : {};
  return {
    parameters: new Map(Object.entries(properties).map(([name, one]) => [name, TypeGuard.IsArray(one)])),
    isOpen: schema.additionalProperties === true,
  };
}

function responsesOf(response: unknown, schemaOf: typeof schemaIn): Map<number, TSchema> {
  const isByStatus = typeof response === 'object' && response !== null && !(Kind in response);
  return new Map(
    Object.entries(isByStatus ? response : { 200: response }).flatMap(([status, one]) => {
      const schema = schemaOf(one);
      return schema === undefined ? [] : [[Number(status), schema] as const];
    }),
  );
}

/** A model is an import of its schema from the module of all models. */
function modelOf(models: object, name: string): TSchema | undefined {
  const imported = schemaIn(Object(Reflect.get(models, name)).schema);
  return TypeGuard.IsImport(imported) ? imported.$defs[imported.$ref] : imported;
}

const schemaIn = (schema: unknown): TSchema | undefined =>
  typeof schema === 'object' && schema !== null ? (schema as TSchema) : undefined;

/**
 * What is wrong with the body of a request: members that no schema names, or a body that nothing reads. A request is
 * honoured whole or refused, never half-understood.
 *
 * @param body of `readBody`
 */
export function problemOfBody({ body: schema, takesObject }: RouteRules, body: unknown): Problem | undefined {
  if (schema === undefined) return problemOfNeedlessBody(body);
  // The framework takes anything but an object for the absence of an optional body, and turns it into the defaults.
  if (body !== undefined && takesObject && !isObject(body))
    return new ValidationFailed({ errors: [{ field: 'body', message: 'Expected object' }] });
  const unknown = unknownMembers(schema, body);
  return unknown.length > 0 ? unknownFields(unknown, 'body') : undefined;
}

export interface ReceivedQuery {
  readonly pathname: string;
  /** Of the URL, from its `?`. */
  readonly search: string;
  /** As the framework has parsed it. Its `cursor` is replaced by the key that it holds. */
  readonly query: Record<string, unknown>;
}

/**
 * What is wrong with the query of a request: parameters that no schema names, a repeated one that has a single value, or
 * a cursor of another list.
 */
export function problemOfQuery(
  { query: rules, takesAnyQuery }: RouteRules,
  { pathname, search, query }: ReceivedQuery,
): Problem | undefined {
  if (search === '' || takesAnyQuery) return undefined;
  const names = namesIn(search);
  const known = rules?.parameters;
  const unknown = rules?.isOpen === true ? [] : names.filter((name) => known?.has(name) !== true);
  if (unknown.length > 0)
    return unknownFields(
      unknown.map((name) => [name]),
      'query',
    );
  const repeated = names.filter((name, index) => names.indexOf(name) !== index && known?.get(name) !== true);
  if (repeated.length > 0) return repeatedParameters(repeated);
  return rules === undefined ? undefined : readCursor(pathname, query);
}

/** The names of the parameters, each as often as it stands. Most queries have nothing to decode. */
function namesIn(search: string): string[] {
  if (search.includes('%') || search.includes('+')) return [...new URLSearchParams(search).keys()];
  return search
    .slice(1)
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => parameter.split('=', 1)[0] ?? '');
}

/** The problem of parameters with a single value that were sent several times. */
export const repeatedParameters = (names: readonly string[]): Problem =>
  new ValidationFailed({
    errors: [...new Set(names)].map((field) => ({ field, message: 'Expected one value' })),
  });

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

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
