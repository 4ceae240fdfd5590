import { Kind } from '@sinclair/typebox';
import { isRecord, type JsonObject, mapRecord } from './json-object';
import { documentedSchema } from './schema';

const SCHEMA_NAME = /^[A-Z][A-Za-z0-9]*$/;
/** Literal values, which may look like schemas. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

/** The name of each schema, by its JSON. */
export type SchemaNames = ReadonlyMap<string, string>;

/**
 * The names of the object schemas among the exports of models. Of two equal schemas the first name counts.
 *
 * @param exported by name; what is no schema is ignored
 */
export function schemaNames(exported: Readonly<Record<string, unknown>>): SchemaNames {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(exported)) {
    if (!isRecord(value) || !(Kind in value) || !SCHEMA_NAME.test(name)) continue;
    const schema = documentedSchema(value);
    const text = isComposite(schema) ? JSON.stringify(schema) : '';
    if (text !== '' && !names.has(text)) names.set(text, name);
  }
  return names;
}

/**
 * Moves every schema that has a name into a component of that name, and leaves references in its place.
 *
 * @param components receives the schemas by name
 */
export function extractSchemas(
  value: unknown,
  names: SchemaNames,
  components: Map<string, JsonObject>,
): unknown {
  if (Array.isArray(value)) return value.map((item) => extractSchemas(item, names, components));
  if (!isRecord(value)) return value;
  const extracted = () =>
    mapRecord(value, (member, key) => (VALUES.has(key) ? member : extractSchemas(member, names, components)));
  const name = isComposite(value) ? names.get(JSON.stringify(value)) : undefined;
  if (name === undefined) return extracted();
  if (!components.has(name)) components.set(name, extracted());
  return { $ref: `#/components/schemas/${name}` };
}

/** Strings and numbers are told by their constraints, and need no name. */
const isComposite = (value: unknown): value is JsonObject =>
  isRecord(value) && ('properties' in value || 'anyOf' in value || 'allOf' in value);

/** The components by name, in alphabetical order: a document depends on the routes, not on their order. */
export const sorted = (components: ReadonlyMap<string, JsonObject>): JsonObject =>
  Object.fromEntries([...components].sort(([left], [right]) => (left < right ? -1 : 1)));
