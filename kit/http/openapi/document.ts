import type { AnyElysia } from 'elysia';
import { extractSchemas, schemaNames, sorted } from './components';
import { asRecord, type JsonObject } from './json-object';
import { describeOperation, documentedPath } from './operation';
import { PROBLEM_RESPONSE, PROBLEM_SCHEMA } from './responses';
import type { SecuritySchemes } from './security';

/** What a document says about an API as a whole. */
export interface ApiDescription {
  /** Of the service. */
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  /** The description of each tag. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The models of the service, such as `import * as model`: their object schemas become components of their names. */
  readonly schemas?: Readonly<Record<string, unknown>>;
  /** Security schemes of its own, by the access rule that they serve. */
  readonly securitySchemes?: SecuritySchemes;
}

export const OPENAPI_VERSION = '3.1.0';

/** Who is responsible, and the license: the same in all documents. */
export const PUBLISHER: JsonObject = {
  contact: { name: 'The maintainers of Rookery' },
  license: { name: 'MIT', identifier: 'MIT' },
};

/**
 * Describes the routes of an app as an OpenAPI 3.1 document, without `servers`: 3.1, because its schemas are JSON Schema.
 *
 * The document is written from the route table, like the routes in the registry (`kit/http/route-claims`), so that it cannot
 * say anything else than the schemas and access rules that are enforced.
 *
 * @throws when two routes have one operation id
 */
export function describeApp(app: AnyElysia, about: ApiDescription): JsonObject {
  const paths = new Map<string, JsonObject>();
  const schemes = new Map<string, JsonObject>();
  const ids = new Set<string>();
  const tags = new Set<string>();
  for (const { method: routed, path, hooks } of app.routes) {
    if (asRecord(hooks.detail).hide === true) continue;
    const method = routed === 'WS' || routed === '$INTERNALWS' ? 'GET' : routed;
    const described = describeOperation({ method, path, hooks: asRecord(hooks) }, about.securitySchemes);
    const { operationId, tags: own } = described.operation;
    if (ids.has(String(operationId))) throw new Error(`Two routes have the operation id ${operationId}`);
    ids.add(String(operationId));
    for (const tag of Array.isArray(own) ? own : []) tags.add(String(tag));
    for (const [name, scheme] of Object.entries(described.schemes)) schemes.set(name, scheme);
    const item = paths.get(documentedPath(path)) ?? {};
    paths.set(documentedPath(path), { ...item, [method.toLowerCase()]: described.operation });
  }
  const schemas = new Map([['Problem', PROBLEM_SCHEMA]]);
  const extracted = extractSchemas(Object.fromEntries(paths), schemaNames(about.schemas ?? {}), schemas);
  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: `Rookery ${about.name}`,
      version: about.version,
      description: about.description ?? '',
      ...PUBLISHER,
    },
    tags: [...tags].map((name) => ({ name, ...descriptionOf(about.tags?.[name]) })),
    paths: extracted,
    components: {
      schemas: sorted(schemas),
      responses: { Problem: PROBLEM_RESPONSE },
      securitySchemes: sorted(schemes),
    },
  };
}

const descriptionOf = (description: string | undefined) => (description === undefined ? {} : { description });
