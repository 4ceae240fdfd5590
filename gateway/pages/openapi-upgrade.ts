import { isRecord, type JsonObject } from '#kit/http/openapi/json-object';

/**
 * Rewrites the schemas of an OpenAPI 3.0 document for 3.1, which has no `nullable` and where exclusive bounds are numbers
 * (https://www.openapis.org/blog/2021/02/16/migrating-from-openapi-3-0-to-3-1-0). A document of 3.1 stays as it is.
 */
export function upgraded(document: JsonObject): JsonObject {
  if (!String(document.openapi).startsWith('3.0')) return document;
  const rewritten = upgradedValue(document);
  return isRecord(rewritten) ? rewritten : document;
}

function upgradedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(upgradedValue);
  if (!isRecord(value)) return value;
  const members = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, upgradedValue(member)]),
  );
  return withNull(withExclusiveBounds(members));
}

function withNull(schema: JsonObject): JsonObject {
  const { nullable, ...rest } = schema;
  // A property of this name holds a schema.
  if (typeof nullable !== 'boolean') return schema;
  if (!nullable) return rest;
  if (typeof rest.type === 'string' && !('enum' in rest)) return { ...rest, type: [rest.type, 'null'] };
  return { anyOf: [rest, { type: 'null' }] };
}

function withExclusiveBounds(schema: JsonObject): JsonObject {
  const { exclusiveMinimum, exclusiveMaximum, minimum, maximum, ...rest } = schema;
  if (typeof exclusiveMinimum !== 'boolean' && typeof exclusiveMaximum !== 'boolean') return schema;
  return {
    ...rest,
    ...bound('minimum', 'exclusiveMinimum', minimum, exclusiveMinimum),
    ...bound('maximum', 'exclusiveMaximum', maximum, exclusiveMaximum),
  };
}

const bound = (inclusive: string, exclusive: string, limit: unknown, isExclusive: unknown): JsonObject => {
  if (typeof isExclusive === 'number') return { [exclusive]: isExclusive };
  return limit === undefined ? {} : { [isExclusive === true ? exclusive : inclusive]: limit };
};
