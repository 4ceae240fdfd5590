import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { FieldError } from '#kit/errors/problem';
import type { MemberPath } from '#kit/http/body/unknown-members';

/** Maximum nesting of messages. */
const MAX_DEPTH = 20;
export type JsonRecord = Record<string, unknown>;

/** A JSON object. */
export const isJsonRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Well-known types have their own JSON forms, handled by the protobuf library: timestamps, durations, structs. */
export const isWellKnown = ({ typeName }: DescMessage): boolean => typeName.startsWith('google.protobuf.');

/**
 * The members of a JSON object that its message has no field for, by the contract's field names: like the services' own
 * routes, the gateway accepts a request whole or rejects it.
 */
export function unknownMembersOf(message: DescMessage, json: JsonRecord): MemberPath[] {
  return Object.entries(json).flatMap(([name, value]) => {
    const field = message.fields.find((one) => one.name === name);
    if (field === undefined) return [[name]];
    const inner = field.fieldKind === 'map' ? undefined : field.message;
    if (inner === undefined || isWellKnown(inner)) return [];
    const unknown = (one: unknown) => (isJsonRecord(one) ? unknownMembersOf(inner, one) : []);
    if (!Array.isArray(value)) return unknown(value).map((path) => [name, ...path]);
    return value.flatMap((item, index) => unknown(item).map((path) => [name, String(index), ...path]));
  });
}

/**
 * Selects the values a message has fields for, by the contract's field names. Unknown members of a body were rejected before, by
 * `unknownMembersOf`.
 *
 * @param errors receives each field whose value does not match the contract's type
 */
export function matchingFields(
  message: DescMessage,
  json: JsonRecord,
  errors: FieldError[],
  path: readonly string[] = [],
): JsonRecord {
  const matching: JsonRecord = {};
  for (const field of message.fields) {
    if (!Object.hasOwn(json, field.name)) continue;
    matching[field.name] = matchingValue(field, json[field.name], errors, [...path, field.name]);
  }
  return matching;
}

function matchingValue(
  field: DescField,
  value: unknown,
  errors: FieldError[],
  path: readonly string[],
): unknown {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return reject('array', errors, path);
    return value.map((item, index) => matchingOne(field, item, errors, [...path, String(index)]));
  }
  if (field.fieldKind === 'map') return isJsonRecord(value) ? value : reject('object', errors, path);
  return matchingOne(field, value, errors, path);
}

function matchingOne(
  field: DescField,
  value: unknown,
  errors: FieldError[],
  path: readonly string[],
): unknown {
  if (field.message !== undefined) {
    if (isWellKnown(field.message)) return value;
    if (!isJsonRecord(value) || path.length > MAX_DEPTH) return reject('object', errors, path);
    return matchingFields(field.message, value, errors, path);
  }
  const type = field.scalar === undefined ? 'string' : TYPES[field.scalar];
  return IS_OF_TYPE[type](value) ? value : reject(type, errors, path);
}

/** The same message and field name as from a service's own route; never the input. */
function reject(type: string, errors: FieldError[], path: readonly string[]): undefined {
  errors.push({ field: path.join('.'), message: `Expected ${type}` });
  return undefined;
}

const isText = (value: unknown) => typeof value === 'string';

const IS_OF_TYPE = {
  string: isText,
  boolean: (value: unknown) => typeof value === 'boolean',
  integer: (value: unknown) => Number.isSafeInteger(value),
  // JSON numbers are exact up to 53 bits; ids and large counts are strings.
  'integer as text': (value: unknown) =>
    Number.isSafeInteger(value) || (isText(value) && /^-?\d+$/.test(String(value))),
  number: (value: unknown) => typeof value === 'number',
};

const TYPES: Record<ScalarType, keyof typeof IS_OF_TYPE> = {
  [ScalarType.STRING]: 'string',
  [ScalarType.BYTES]: 'string',
  [ScalarType.BOOL]: 'boolean',
  [ScalarType.INT32]: 'integer',
  [ScalarType.UINT32]: 'integer',
  [ScalarType.SINT32]: 'integer',
  [ScalarType.FIXED32]: 'integer',
  [ScalarType.SFIXED32]: 'integer',
  [ScalarType.INT64]: 'integer as text',
  [ScalarType.UINT64]: 'integer as text',
  [ScalarType.SINT64]: 'integer as text',
  [ScalarType.FIXED64]: 'integer as text',
  [ScalarType.SFIXED64]: 'integer as text',
  [ScalarType.FLOAT]: 'number',
  [ScalarType.DOUBLE]: 'number',
};

/** Converts text from a path, query or form to the type of its field; invalid text is returned unchanged, and rejected later. */
export function valueOfText(field: DescField, text: string): unknown {
  const scalar = 'scalar' in field ? field.scalar : undefined;
  const type = scalar === undefined ? 'string' : TYPES[scalar];
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if ((type === 'integer' || type === 'number') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  return text;
}
