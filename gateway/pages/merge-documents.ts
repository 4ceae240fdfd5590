import { OPENAPI_VERSION, PUBLISHER } from '#kit/http/openapi/document';
import { asRecord, isRecord, type JsonObject, mapRecord } from '#kit/http/openapi/json-object';
import { operationsOf } from './openapi-faults';
import { mapNames, type Names } from './openapi-names';
import { upgraded } from './openapi-upgrade';

/** The OpenAPI document of one service as fetched, and where its routes are served. */
export interface ServiceDocument {
  readonly service: string;
  /** Without faults (`faultIn`). */
  readonly document: JsonObject;
  /** Whether the gateway serves a route of this service at its own path. */
  isRoot(method: string, pattern: string): boolean;
}

/** A service whose document is not part of the merged one, and why. */
export interface OmittedDocument {
  readonly service: string;
  readonly reason: string;
}

export interface GatewayDescription {
  readonly version: string;
  /** Absolute. */
  readonly url: string;
  readonly omitted?: readonly OmittedDocument[];
}

/**
 * Merges the documents of all services. Every name is qualified by its service (`users.User`), every operation is tagged
 * with its service, and the paths are those of the gateway. Links, callbacks and webhooks are left out: they name operations
 * and addresses of the service itself.
 *
 * It is OpenAPI 3.1 because its schemas are JSON Schema, which 3.0 supports only in part.
 *
 * @param sources sorted by service, so that the result is deterministic
 */
export function mergeDocuments(sources: readonly ServiceDocument[], gateway: GatewayDescription): JsonObject {
  const paths = new Map<string, { path: string; item: JsonObject }>();
  const components = new Map<string, JsonObject>();
  const operationIds = new Set<string>();

  for (const source of sources) {
    const { service } = source;
    const names: Names = (kind, name) =>
      isSharable(kind, name) && isShared(kind, name, sources) ? name : `${service}.${name}`;
    const document = mapNames(upgraded(source.document), names);
    addComponents(document, components);
    for (const described of operationsOf(document)) addOperation(source, document, described);
  }

  function addOperation(
    { service, isRoot }: ServiceDocument,
    document: JsonObject,
    { path, method, operation, item }: ReturnType<typeof operationsOf>[number],
  ) {
    const publicPath = isRoot(method.toUpperCase(), toPattern(path)) ? path : `/${service}${path}`;
    // `/posts/{id}` and `/posts/{post_id}` are one path (OpenAPI 3.1, 4.8.8), whose first names are kept.
    const key = publicPath.replaceAll(/\{[^{}]+\}/g, '{}');
    const merged = paths.get(key) ?? { path: publicPath, item: {} };
    const { servers: _, callbacks: __, ...rest } = operation;
    merged.item[method] = {
      ...rest,
      operationId: uniqueId(service, operation.operationId ?? `${method} ${path}`),
      tags: [service],
      parameters: parametersOf(document, operation, item).map((parameter) =>
        renamed(document, parameter, publicPath, merged.path),
      ),
      responses: mapRecord(asRecord(operation.responses), withoutLinks),
      ...((operation.security ?? document.security) !== undefined && {
        security: operation.security ?? document.security,
      }),
    };
    paths.set(key, merged);
  }

  function uniqueId(service: string, id: unknown): string {
    const wanted = `${service}.${String(id).replaceAll(/[^A-Za-z0-9._-]+/g, '-')}`;
    let operationId = wanted;
    for (let count = 2; operationIds.has(operationId); count++) operationId = `${wanted}.${count}`;
    operationIds.add(operationId);
    return operationId;
  }

  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: 'Rookery',
      version: gateway.version,
      description: 'All services behind this gateway.',
      ...PUBLISHER,
    },
    servers: [{ url: gateway.url }],
    tags: sources.map(({ service, document }) => ({ name: service, ...descriptionOf(service, document) })),
    paths: Object.fromEntries(
      [...paths.values()]
        .sort((left, right) => (left.path < right.path ? -1 : 1))
        .map(({ path, item }) => [path, item]),
    ),
    components: Object.fromEntries(components),
    ...(gateway.omitted?.length && { 'x-omitted-services': gateway.omitted }),
  };
}

/** Those of a service that are merged; their values are checked by `faultIn`. */
const COMPONENT_KINDS = new Set([
  ...['schemas', 'responses', 'parameters', 'examples', 'requestBodies', 'headers', 'securitySchemes'],
]);

function addComponents(document: JsonObject, components: Map<string, JsonObject>) {
  for (const [kind, members] of Object.entries(asRecord(document.components))) {
    if (!isRecord(members) || !COMPONENT_KINDS.has(kind)) continue;
    const added = kind === 'responses' ? mapRecord(members, withoutLinks) : members;
    components.set(kind, { ...components.get(kind), ...added });
  }
}

function withoutLinks(response: unknown): JsonObject {
  const { links: _, ...rest } = asRecord(response);
  return rest;
}

/** The parameters of an operation, with those of its path that it does not describe itself. */
function parametersOf(document: JsonObject, operation: JsonObject, item: JsonObject): unknown[] {
  const key = (parameter: unknown) => {
    const { in: place, name } = resolved(document, parameter);
    return `${place} ${name}`;
  };
  const own = list(operation.parameters);
  const described = new Set(own.map(key));
  return [...list(item.parameters).filter((one) => !described.has(key(one))), ...own];
}

function resolved(document: JsonObject, parameter: unknown): JsonObject {
  const { $ref, ...own } = asRecord(parameter);
  if (typeof $ref !== 'string') return own;
  return asRecord(asRecord(asRecord(document.components).parameters)[$ref.split('/').at(-1) ?? '']);
}

/** Renames a parameter of the path where the merged document names it differently. */
function renamed(document: JsonObject, parameter: unknown, from: string, to: string): unknown {
  const own = resolved(document, parameter);
  if (from === to || own.in !== 'path') return parameter;
  const position = namesIn(from).indexOf(String(own.name));
  return { ...own, name: namesIn(to)[position] ?? own.name };
}

const namesIn = (path: string): string[] => [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name);

/** Clients authenticate once for all services, and all of them share one problem document. */
const isSharable = (kind: string, name: string) => kind === 'securitySchemes' || name === 'Problem';

/** True for a component that is identical in all documents. */
function isShared(kind: string, name: string, sources: readonly ServiceDocument[]): boolean {
  const described = sources
    .map(({ document }) => asRecord(asRecord(document.components)[kind])[name])
    .filter((component) => component !== undefined);
  return described.every((component) => Bun.deepEquals(component, described[0]));
}

function descriptionOf(service: string, document: JsonObject): { description: string } {
  const { description } = asRecord(document.info);
  return {
    description:
      typeof description === 'string' && description !== '' ? description : `The ${service} service.`,
  };
}

/** Converts `/posts/{id}` into a route pattern: `/posts/:id`. */
const toPattern = (path: string) =>
  path
    .split('/')
    .map((part) => (part.startsWith('{') && part.endsWith('}') ? `:${part.slice(1, -1)}` : part))
    .join('/');

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
