import { asRecord, isRecord, type JsonObject, mapRecord } from './json-object';

const SCHEMA_NAME = /^[A-Z][A-Za-z0-9]*$/;
/** Literal values, which may look like schemas. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

/**
 * Moves every schema whose title is a name, like `Post`, into a component of that name, and leaves references in its place.
 *
 * @param components receives the schemas by name
 * @throws when two different schemas have one title
 */
export function extractSchemas(value: unknown, components: Map<string, JsonObject>): unknown {
  if (Array.isArray(value)) return value.map((item) => extractSchemas(item, components));
  if (!isRecord(value)) return value;
  const extracted = mapRecord(value, (member, key) =>
    VALUES.has(key) ? member : extractSchemas(member, components),
  );
  const { title } = extracted;
  if (typeof title !== 'string' || !SCHEMA_NAME.test(title) || !isSchema(extracted)) return extracted;
  const known = components.get(title);
  if (known !== undefined && !Bun.deepEquals(known, extracted))
    throw new Error(`Two different schemas are titled ${title}`);
  components.set(title, extracted);
  return { $ref: `#/components/schemas/${title}` };
}

const isSchema = (value: JsonObject): boolean => 'type' in value || 'anyOf' in value || 'allOf' in value;

/** The components by name, in alphabetical order: a document depends on the routes, not on their order. */
export const sorted = (components: ReadonlyMap<string, JsonObject>): JsonObject =>
  asRecord(Object.fromEntries([...components].sort(([left], [right]) => (left < right ? -1 : 1))));
