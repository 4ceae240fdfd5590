import type { TSchema } from '@sinclair/typebox';
import { TimeOrderedId, Timestamp, Uuid } from '#contracts/messages';

/** One field of a message as its documentation lists it. */
export interface Field {
  /** Like `posts[].likers`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
}

/** Types that are identified by their pattern. */
const NAMED = new Map([
  [Uuid.pattern, 'UUID'],
  [TimeOrderedId.pattern, 'time-ordered id'],
  [Timestamp.pattern, 'time (ISO 8601, UTC, milliseconds)'],
]);

/** Lists the fields of an object schema, nested ones included. */
export function fieldsOf(schema: TSchema, prefix = ''): Field[] {
  const required: readonly string[] = schema.required ?? [];
  const properties: Record<string, TSchema> = schema.properties ?? {};
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const field = { path, type: typeOf(property), required: required.includes(name) };
    return [field, ...fieldsWithin(property, path)];
  });
}

function fieldsWithin(schema: TSchema, path: string): Field[] {
  if (schema.type === 'array') return fieldsWithin(schema.items, `${path}[]`);
  const alternatives: readonly TSchema[] = schema.anyOf ?? [schema];
  return alternatives.flatMap((alternative) => fieldsOf(alternative, `${path}.`));
}

/** Describes the type of a value in words. */
export function typeOf(schema: TSchema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf !== undefined) return [...new Set<string>(schema.anyOf.map(typeOf))].join(' or ');
  switch (schema.type) {
    case 'array':
      return `list of ${typeOf(schema.items)}${boundsOf(schema.minItems, schema.maxItems, '')}`;
    case 'string':
      return (
        NAMED.get(schema.pattern) ?? `text${boundsOf(schema.minLength, schema.maxLength, ' characters')}`
      );
    case 'integer':
    case 'number':
      return `${schema.type}${boundsOf(schema.minimum, schema.maximum, '')}`;
    default:
      return String(schema.type ?? 'any');
  }
}

function boundsOf(min: number | undefined, max: number | undefined, unit: string): string {
  if (min === undefined && max === undefined) return '';
  if (min === undefined) return `, at most ${max}${unit}`;
  if (max === undefined) return `, at least ${min}${unit}`;
  return `, ${min} to ${max}${unit}`;
}
