import { isRecord, type JsonObject } from '#kit/http/openapi/json-object';
import { mapNames, type Names } from './openapi-names';

/** The OpenAPI document of one service as fetched, and where its routes are served. */
export interface ServiceDocument {
  readonly service: string;
  readonly document: JsonObject;
  /** Whether the gateway serves a route of this service at its own path. */
  isRoot(method: string, pattern: string): boolean;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/**
 * Merges the documents of all services. Every name is qualified by its service (`users.User`), every operation is tagged
 * with its service, and the paths are those of the gateway.
 *
 * It is OpenAPI 3.1 because its schemas are JSON Schema, which 3.0 supports only in part.
 *
 * @param sources sorted by service, so that the result is deterministic
 */
export function mergeDocuments(
  sources: readonly ServiceDocument[],
  gateway: { readonly version: string; readonly url: string },
): JsonObject {
  const paths = new Map<string, JsonObject>();
  const components = new Map<string, JsonObject>();
  const operationIds = new Set<string>();

  for (const source of sources) {
    const { service } = source;
    const names: Names = (kind, name) =>
      isSharable(kind, name) && isShared(kind, name, sources) ? name : `${service}.${componentName(name)}`;
    const document = mapNames(source.document, names);
    addComponents(document, components);
    for (const [path, item] of entries(document.paths)) {
      if (isRecord(item)) addOperations(source, path, item);
    }
  }

  function addOperations(source: ServiceDocument, path: string, item: JsonObject) {
    const shared = Object.fromEntries(
      entries(item).filter(([key]) => !METHODS.includes(key) && key !== 'servers'),
    );
    for (const [method, operation] of entries(item)) {
      if (!METHODS.includes(method) || !isRecord(operation)) continue;
      const isRoot = source.isRoot(method.toUpperCase(), toPattern(path));
      const publicPath = isRoot ? path : `/${source.service}${path}`;
      const merged = paths.get(publicPath) ?? { ...shared };
      merged[method] = tagged(source.service, method, path, operation);
      paths.set(publicPath, merged);
    }
  }

  function tagged(service: string, method: string, path: string, operation: JsonObject): JsonObject {
    const own = typeof operation.operationId === 'string' ? operation.operationId : `${method} ${path}`;
    const wanted = `${service}.${componentName(own)}`;
    let operationId = wanted;
    for (let count = 2; operationIds.has(operationId); count++) operationId = `${wanted}.${count}`;
    operationIds.add(operationId);
    const { servers: _, ...rest } = operation;
    return { ...rest, operationId, tags: [service] };
  }

  return {
    openapi: '3.1.0',
    info: { title: 'Rookery', version: gateway.version, description: 'All services behind this gateway.' },
    servers: [{ url: gateway.url }],
    tags: sources.map(({ service, document }) => ({ name: service, ...descriptionOf(document) })),
    paths: Object.fromEntries([...paths].sort(([left], [right]) => (left < right ? -1 : 1))),
    components: Object.fromEntries(components),
  };
}

function addComponents(document: JsonObject, components: Map<string, JsonObject>) {
  for (const [kind, members] of entries(document.components)) {
    if (isRecord(members)) components.set(kind, { ...components.get(kind), ...members });
  }
}

/** Clients authenticate once for all services, and all of them share one problem schema. */
const isSharable = (kind: string, name: string) => kind === 'securitySchemes' || name === 'Problem';

/** True for a component that is identical in all documents. */
function isShared(kind: string, name: string, sources: readonly ServiceDocument[]): boolean {
  const described = sources
    .map(({ document }) => record(record(document.components)[kind])[name])
    .filter((component) => component !== undefined);
  return described.every((component) => Bun.deepEquals(component, described[0]));
}

const descriptionOf = (document: JsonObject) => {
  const { description } = record(document.info);
  return typeof description === 'string' && description !== '' ? { description } : {};
};

/** Converts `/posts/{id}` into a route pattern: `/posts/:id`. */
const toPattern = (path: string) =>
  path
    .split('/')
    .map((part) => (part.startsWith('{') && part.endsWith('}') ? `:${part.slice(1, -1)}` : part))
    .join('/');

/** OpenAPI's character set for component names. */
const componentName = (name: string) => name.replaceAll(/[^A-Za-z0-9._-]+/g, '-');

const record = (value: unknown): JsonObject => (isRecord(value) ? value : {});
const entries = (value: unknown) => Object.entries(record(value));
