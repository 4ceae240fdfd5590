import { type TSchema, TypeGuard } from '@sinclair/typebox';
import { type Problem, ValidationFailed } from '../../errors/problem';

const MAX_FIELD_ERRORS = 20;
/** A name is repeated in an error only where a schema could hold it: it may be anything that a client sent. */
const FIELD_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Where a member stands: `['items', '0', 'prise']`. */
export type MemberPath = readonly string[];

/**
 * The problem of a request with members that nothing reads.
 *
 * @param paths at least one
 * @param part where they stand; named in place of a name that is not repeated
 */
export const unknownFields = (paths: readonly MemberPath[], part: 'body' | 'query'): Problem =>
  new ValidationFailed({
    errors: paths
      .slice(0, MAX_FIELD_ERRORS)
      .map((path) => ({ field: repeatable(path) || part, message: 'Unknown field' })),
  });

const repeatable = (path: MemberPath): string =>
  path.slice(0, path.findIndex((name) => !FIELD_NAME.test(name)) >>> 0).join('.');

/**
 * The members of a value that its schema does not name: a request is honoured whole or refused, never half-understood. An
 * object schema with `additionalProperties: true` takes any member; of the alternatives of a union the one that leaves
 * the fewest unknown counts.
 *
 * @param value as it was received, before validation
 */
export function unknownMembers(schema: TSchema, value: unknown): MemberPath[] {
  const look = looks.get(schema) ?? lookOf(schema);
  looks.set(schema, look);
  return look(value);
}

type Look = (value: unknown) => MemberPath[];

/** By schema: TypeBox looks through a whole schema to tell what it is. */
const looks = new WeakMap<TSchema, Look>();

function lookOf(schema: TSchema): Look {
  const { anyOf, allOf } = schema;
  if (Array.isArray(anyOf)) return (value) => fewest(anyOf.map((one: TSchema) => unknownMembers(one, value)));
  if (Array.isArray(allOf)) return (value) => common(allOf.map((one: TSchema) => unknownMembers(one, value)));
  if (TypeGuard.IsArray(schema))
    return (value) =>
      Array.isArray(value)
        ? value.flatMap((item, index) => below(String(index), unknownMembers(schema.items, item)))
        : [];
  if (TypeGuard.IsRecord(schema))
    return (value) => (isObject(value) ? inRecord(Object.values(schema.patternProperties), value) : []);
  if (TypeGuard.IsObject(schema))
    return (value) =>
      isObject(value) ? inObject(schema.properties, schema.additionalProperties, value) : [];
  return () => [];
}

function inObject(
  properties: Readonly<Record<string, TSchema>>,
  additional: unknown,
  value: Readonly<Record<string, unknown>>,
): MemberPath[] {
  return Object.entries(value).flatMap(([name, member]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema !== undefined) return below(name, unknownMembers(schema, member));
    return additional === true || isObject(additional) ? [] : [[name]];
  });
}

const inRecord = (members: readonly TSchema[], value: Readonly<Record<string, unknown>>): MemberPath[] =>
  Object.entries(value).flatMap(([name, member]) =>
    below(name, fewest(members.map((schema) => unknownMembers(schema, member)))),
  );

const below = (name: string, paths: readonly MemberPath[]): MemberPath[] =>
  paths.map((path) => [name, ...path]);

const fewest = (alternatives: readonly MemberPath[][]): MemberPath[] =>
  alternatives.reduce((best, one) => (one.length < best.length ? one : best), alternatives[0] ?? []);

/** A member of an intersection is known as soon as one of its parts names it. */
function common(parts: readonly MemberPath[][]): MemberPath[] {
  const [first = [], ...others] = parts;
  const isIn = (paths: readonly MemberPath[], path: MemberPath) =>
    paths.some((other) => other.length === path.length && other.every((name, index) => name === path[index]));
  return first.filter((path) => others.every((paths) => isIn(paths, path)));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
