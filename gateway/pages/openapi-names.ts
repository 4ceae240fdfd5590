import { isRecord, type JsonObject } from '#kit/http/openapi';

/** The new name of a component of a kind, such as `schemas`. */
export type Names = (kind: string, name: string) => string;

const REFERENCE = '#/components/';
const BARE_NAME = /^[A-Za-z0-9._-]+$/;

/**
 * An OpenAPI document with its components renamed, wherever they are named: in `components` itself, in references,
 * in discriminators, and in what operations require for security. `$id` goes: within one document nothing refers to
 * it, and what TypeBox writes there are names as they were before.
 */
export function mapNames(document: JsonObject, names: Names): JsonObject {
  const renamed = mapValue(document, names);
  if (!isRecord(renamed)) return {};
  const { components } = renamed;
  if (!isRecord(components)) return renamed;
  const kinds = Object.entries(components).map(([kind, members]) => [
    kind,
    isRecord(members) ? renameKeys(members, (name) => names(kind, name)) : members,
  ]);
  return { ...renamed, components: Object.fromEntries(kinds) };
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

/** Below these stand names somebody chose, `default` and `security` among them, or what a status is called. */
const CHOSEN_NAMES = new Set(['properties', 'patternProperties', '$defs', 'schemas', 'responses']);

/** What is given as a value may look like anything. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

function mapMember(key: string, member: unknown, names: Names): unknown {
  if (key === '$ref' && typeof member === 'string') return mapReference(member, names);
  if (VALUES.has(key)) return member;
  if (CHOSEN_NAMES.has(key) && isRecord(member)) return mapMembers(member, names);
  if (key === 'discriminator' && isRecord(member) && isRecord(member.mapping))
    return { ...member, mapping: mapMapping(member.mapping, names) };
  if (key === 'security' && Array.isArray(member))
    return member.map((requirement) =>
      isRecord(requirement) ? renameKeys(requirement, (name) => names('securitySchemes', name)) : requirement,
    );
  return mapValue(member, names);
}

const mapMembers = (members: JsonObject, names: Names) =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [name, mapValue(member, names)]));

function mapReference(reference: string, names: Names): string {
  // TypeBox refers to a model by its bare name.
  if (BARE_NAME.test(reference)) return `${REFERENCE}schemas/${names('schemas', reference)}`;
  if (!reference.startsWith(REFERENCE)) return reference;
  const [kind = '', name = '', ...rest] = reference.slice(REFERENCE.length).split('/');
  return [`${REFERENCE}${kind}`, names(kind, name), ...rest].join('/');
}

const mapMapping = (mapping: JsonObject, names: Names) =>
  Object.fromEntries(
    Object.entries(mapping).map(([value, target]) => [
      value,
      typeof target === 'string' ? mapReference(target, names) : target,
    ]),
  );

const renameKeys = (members: JsonObject, rename: (name: string) => string) =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [rename(name), member]));
