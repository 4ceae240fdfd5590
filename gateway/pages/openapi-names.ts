import { isRecord, type JsonObject } from '#kit/http/openapi/json-object';

/** The new name of a component; the kind is its section, such as `schemas`. */
export type Names = (kind: string, name: string) => string;

const REFERENCE = '#/components/';
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

/** Their members have arbitrary names, such as `default` or `security`, or statuses. */
const ARBITRARY_NAMES = new Set(['properties', 'patternProperties', '$defs', 'schemas', 'responses']);

/** Literal values, which may look like anything. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

function mapMember(key: string, member: unknown, names: Names): unknown {
  if (key === '$ref' && typeof member === 'string') return mapReference(member, names);
  if (VALUES.has(key)) return member;
  if (ARBITRARY_NAMES.has(key) && isRecord(member)) return mapMembers(member, names);
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
  // TypeBox references a model by its bare name.
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
