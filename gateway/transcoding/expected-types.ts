import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { FieldError } from '#kit/errors/problem';

/** As deep as messages may be nested; deeper ones are no data of anybody's. */
const DEEPEST = 20;
export type JsonRecord = Record<string, unknown>;

/** An object that is neither null nor a list. */
export const isJsonRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In JSON these are texts, numbers or any value, as the protobuf library knows: timestamps, durations, structures. */
export const isWellKnown = ({ typeName }: DescMessage): boolean => typeName.startsWith('google.protobuf.');

/**
 * Takes over what a message has a field for, by the fields' names as they stand in the contract; everything else is
 * ignored, as the services' own routes do.
 *
 * @param errors gets the name of each field whose value is of another type than the contract says
 */
export function fittingFields(
  message: DescMessage,
  json: JsonRecord,
  errors: FieldError[],
  place: readonly string[] = [],
): JsonRecord {
  const fitting: JsonRecord = {};
  for (const field of message.fields) {
    if (!Object.hasOwn(json, field.name)) continue;
    fitting[field.name] = fittingValue(field, json[field.name], errors, [...place, field.name]);
  }
  return fitting;
}

function fittingValue(
  field: DescField,
  value: unknown,
  errors: FieldError[],
  place: readonly string[],
): unknown {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return refuse('array', errors, place);
    return value.map((item, index) => fittingOne(field, item, errors, [...place, String(index)]));
  }
  if (field.fieldKind === 'map') return isJsonRecord(value) ? value : refuse('object', errors, place);
  return fittingOne(field, value, errors, place);
}

function fittingOne(
  field: DescField,
  value: unknown,
  errors: FieldError[],
  place: readonly string[],
): unknown {
  if (field.message !== undefined) {
    if (isWellKnown(field.message)) return value;
    if (!isJsonRecord(value) || place.length > DEEPEST) return refuse('object', errors, place);
    return fittingFields(field.message, value, errors, place);
  }
  const type = field.scalar === undefined ? 'string' : TYPES[field.scalar];
  return IS_OF_TYPE[type](value) ? value : refuse(type, errors, place);
}

/** The same sentence and the same name of the field as from a service's own route; never what was sent. */
function refuse(type: string, errors: FieldError[], place: readonly string[]): undefined {
  errors.push({ field: place.join('.'), message: `Expected ${type}` });
  return undefined;
}

const isText = (value: unknown) => typeof value === 'string';

const IS_OF_TYPE = {
  string: isText,
  boolean: (value: unknown) => typeof value === 'boolean',
  integer: (value: unknown) => Number.isSafeInteger(value),
  // JSON numbers are exact up to 53 bits only; ids and large counts are texts.
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

/** Text from a path, a query or a form as the value its field holds; text that is none is left to be refused. */
export function valueOfText(field: DescField, text: string): unknown {
  const scalar = 'scalar' in field ? field.scalar : undefined;
  const type = scalar === undefined ? 'string' : TYPES[scalar];
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if ((type === 'integer' || type === 'number') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  return text;
}
