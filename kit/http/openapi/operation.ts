import { TypeGuard } from '@sinclair/typebox';
import { mediaTypesOf } from '../body/read-body';
import { ACCESS_EXTENSION, SCOPE_EXTENSION, SHARE_EXTENSION } from '../gateway-options';
import { RECENT_SIGN_IN_EXTENSION, RECENT_SIGN_IN_SECONDS } from '../recent-sign-in';
import { asRecord, isRecord, type JsonObject } from './json-object';
import { documentedContent, responsesOf } from './responses';
import { documentedSchema } from './schema';
import { type SecuritySchemes, securityOf } from './security';

/** A route as Elysia keeps it. */
export interface DescribedRoute {
  readonly method: string;
  /** With `:name` parameters. */
  readonly path: string;
  /** Its options: schemas, and `detail` with the documentation. */
  readonly hooks: JsonObject;
}

/** An operation of an OpenAPI document, and the security schemes that it names. */
export interface DescribedOperation {
  readonly operation: JsonObject;
  readonly schemes: SecuritySchemes;
}

/** `/users/:id` as `/users/{id}`. */
export const documentedPath = (path: string): string =>
  path.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}');

/**
 * Describes a route as an operation.
 *
 * @param schemes security schemes of the service, by access rule
 * @throws when a schema of the route is the name of a model: the models of a service are values
 */
export function describeOperation(route: DescribedRoute, schemes: SecuritySchemes = {}): DescribedOperation {
  const { hooks, method, path } = route;
  for (const schema of [hooks.body, hooks.response, hooks.query, hooks.params, hooks.headers])
    if (typeof schema === 'string')
      throw new Error(`${method} ${path} names its schema instead of holding it`);
  const {
    parameters,
    requestBody,
    responses,
    description,
    security: _,
    [SHARE_EXTENSION]: __,
    ...detail
  } = asRecord(hooks.detail);
  const access = securityOf(String(detail[ACCESS_EXTENSION] ?? 'public'), schemes);
  const sentences = [
    access.sentence,
    ...recentSignInSentence(detail[RECENT_SIGN_IN_EXTENSION]),
    ...scopeSentence(detail[SCOPE_EXTENSION]),
  ];
  const body = bodyOf(hooks.body, requestBody);
  return {
    schemes: access.schemes,
    operation: {
      operationId: operationIdOf(method, path),
      ...detail,
      description: describedWith(sentences.join(' '), description),
      security: access.security,
      parameters: [...parametersOf(route), ...(Array.isArray(parameters) ? parameters : [])],
      ...(body && { requestBody: body }),
      responses: responsesOf(hooks.response, responses),
    },
  };
}

function recentSignInSentence(accepted: unknown): string[] {
  if (accepted === undefined) return [];
  const instead = accepted === 'or-password' ? ', or the current password in the body' : '';
  return [`Requires a sign-in of the last ${RECENT_SIGN_IN_SECONDS / 60} minutes${instead}.`];
}

const scopeSentence = (scope: unknown): string[] =>
  typeof scope === 'string' ? [`Apps need the scope \`${scope}\`.`] : [];

const describedWith = (sentence: string, description: unknown): string =>
  typeof description === 'string'
    ? `${description}${/[.!?]$/.test(description) ? '' : '.'}\n\n${sentence}`
    : sentence;

/** `GET /users/:username/likes` is `getUsersByUsernameLikes`. */
function operationIdOf(method: string, path: string): string {
  const words = documentedPath(path)
    .replaceAll(/\{(\w+)\}/g, 'by-$1')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/**
 * In the media types that the route accepts, unless it describes its body by hand.
 *
 * @param described an OpenAPI request body, in which schemas may be those of a route
 */
function bodyOf(schema: unknown, described: unknown): JsonObject | undefined {
  if (isRecord(described)) return { ...described, content: documentedContent(asRecord(described.content)) };
  if (!TypeGuard.IsSchema(schema)) return undefined;
  return {
    required: !TypeGuard.IsOptional(schema),
    content: Object.fromEntries(
      mediaTypesOf(schema).map((type) => [type, { schema: documentedSchema(schema) }]),
    ),
  };
}

function parametersOf({ path, hooks }: DescribedRoute): JsonObject[] {
  const named = asRecord(asRecord(hooks.params).properties);
  const inPath = [...documentedPath(path).matchAll(/\{(\w+)\}/g)].map(([, name = '']) =>
    parameter('path', name, named[name] ?? { type: 'string' }, true),
  );
  return [
    ...inPath,
    ...(['query', 'header', 'cookie'] as const).flatMap((place) =>
      members(hooks[place === 'header' ? 'headers' : place]).map(({ name, schema, required }) =>
        parameter(place, name, schema, required),
      ),
    ),
  ];
}

interface Member {
  readonly name: string;
  readonly schema: unknown;
  readonly required: boolean;
}

/** The members of an object schema, or of several that together make one. */
function members(schema: unknown): Member[] {
  const { properties, required, allOf } = asRecord(schema);
  const names = Array.isArray(required) ? required : [];
  return [
    ...(Array.isArray(allOf) ? allOf.flatMap(members) : []),
    ...Object.entries(asRecord(properties)).map(([name, member]) => ({
      name,
      schema: member,
      required: names.includes(name),
    })),
  ];
}

function parameter(place: string, name: string, schema: unknown, required: boolean): JsonObject {
  const { description, ...rest } = asRecord(documentedSchema(schema));
  return { name, in: place, required, ...(typeof description === 'string' && { description }), schema: rest };
}
