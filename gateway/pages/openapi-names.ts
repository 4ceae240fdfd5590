import { asRecord, isRecord, type JsonObject, mapRecord } from '#kit/http/openapi/json-object';

/** The new name of a component; the kind is its section, such as `schemas`. */
export type Names = (kind: string, name: string) => string;

/** How references to components begin. */
export const COMPONENTS = '#/components/';
const BARE_NAME = /^[A-Za-z0-9._-]+$/;

/**
 * Renames the components of an OpenAPI document wherever they are named: in `components`, references, discriminators and
 * security requirements. `$id` is removed: within one document nothing refers to it, and TypeBox writes the previous names
 * there.
 */
export function mapNames(document: JsonObject, names: Names): JsonObject {
  const renamed = mapValue(document, names);
  if (!isRecord(renamed)) return {};
  const { components } = renamed;
  if (!isRecord(components)) return renamed;
  const kinds = mapRecord(components, (members, kind) =>
    isRecord(members) ? renameKeys(members, (name) => names(kind, name)) : members,
  );
  return { ...renamed, components: kinds };
}

function mapValue(value: unknown, names: Names): unknown {
  if (Array.isArray(value)) return value.map((item) => mapValue(item, names));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !(key === '$id' && typeof member === 'string'))
      .map(([key, member]) => [key, mapMember(key, member, names)]),
  );
}

/** Their members have arbitrary names, such as `default` or `security`, statuses or media types. */
export const ARBITRARY_NAMES: ReadonlySet<string> = new Set([
  ...['headers', 'content', 'encoding', 'mapping', 'scopes', 'properties', 'patternProperties', '$defs'],
  ...['schemas', 'responses', 'parameters', 'examples', 'requestBodies', 'securitySchemes'],
]);

/** Literal values, which may look like anything. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

function mapMember(key: string, member: unknown, names: Names): unknown {
  if (key === '$ref' && typeof member === 'string') return mapReference(member, names);
  if (key === 'examples' && isRecord(member))
    return mapRecord(member, (example) => mapExample(example, names));
  if (VALUES.has(key)) return member;
  if (ARBITRARY_NAMES.has(key) && isRecord(member))
    return mapRecord(member, (value) => mapValue(value, names));
  if (key === 'discriminator' && isRecord(member) && isRecord(member.mapping))
    return { ...member, mapping: mapMapping(member.mapping, names) };
  if (key === 'security' && Array.isArray(member))
    return member.map((requirement) =>
      isRecord(requirement) ? renameKeys(requirement, (name) => names('securitySchemes', name)) : requirement,
    );
  return mapValue(member, names);
}

/** A named example, or a reference to one; its value may look like anything. */
const mapExample = (example: unknown, names: Names): unknown =>
  isRecord(example) && typeof example.$ref === 'string'
    ? { ...example, $ref: mapReference(example.$ref, names) }
    : example;

/**
 * Every reference in a document, written in full. One within a literal value or an extension, which is not a reference, is
 * returned as it is there and with its place: tools resolve it all the same.
 */
export function* referencesIn(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* referencesIn(item);
  if (!isRecord(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === '$ref' && typeof member === 'string')
      yield BARE_NAME.test(member) ? `${COMPONENTS}schemas/${member}` : member;
    else if (key === 'examples' && isRecord(member))
      for (const { $ref, ...example } of Object.values(member).map(asRecord)) {
        yield* referencesIn({ $ref });
        yield* literalReferencesIn(example);
      }
    else if (key === 'discriminator') yield* Object.values(asRecord(asRecord(member).mapping)).filter(isText);
    else if (VALUES.has(key)) yield* literalReferencesIn(member);
    else if (ARBITRARY_NAMES.has(key) && isRecord(member)) yield* referencesIn(Object.values(member));
    else yield* key.startsWith('x-') ? literalReferencesIn(member) : referencesIn(member);
  }
}

function* literalReferencesIn(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* literalReferencesIn(item);
  for (const [key, member] of Object.entries(asRecord(value)))
    if (key === '$ref') yield `In a value: ${JSON.stringify(member)}`;
    else yield* literalReferencesIn(member);
}

const isText = (value: unknown): value is string => typeof value === 'string';

function mapReference(reference: string, names: Names): string {
  // TypeBox references a model by its bare name.
  if (BARE_NAME.test(reference)) return `${COMPONENTS}schemas/${names('schemas', reference)}`;
  if (!reference.startsWith(COMPONENTS)) return reference;
  const [kind = '', name = '', ...rest] = reference.slice(COMPONENTS.length).split('/');
  return [`${COMPONENTS}${kind}`, names(kind, name), ...rest].join('/');
}

const mapMapping = (mapping: JsonObject, names: Names) =>
  mapRecord(mapping, (target) => (typeof target === 'string' ? mapReference(target, names) : target));

const renameKeys = (members: JsonObject, rename: (name: string) => string) =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [rename(name), member]));
