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

/** A JSON object as the fields of a message. */
export interface FieldReading {
  readonly values: JsonRecord;
  /** Members that the message has no field for, by the contract's field names. */
  readonly unknown: readonly MemberPath[];
  /** Fields whose value does not match the contract's type. */
  readonly errors: readonly FieldError[];
}

/** Reads a JSON object by the types of a message, and finds all that is wrong with it. */
export function readFields(message: DescMessage, json: JsonRecord): FieldReading {
  const findings: Findings = { unknown: [], errors: [] };
  return { values: fieldsOf(message, json, { findings, path: [] }), ...findings };
}

interface Findings {
  readonly unknown: MemberPath[];
  readonly errors: FieldError[];
}

/** A place in the JSON. */
interface Place {
  readonly findings: Findings;
  readonly path: readonly string[];
}

const below = ({ findings, path }: Place, name: string): Place => ({ findings, path: [...path, name] });

function fieldsOf(message: DescMessage, json: JsonRecord, place: Place): JsonRecord {
  const values: JsonRecord = {};
  for (const [name, value] of Object.entries(json)) {
    const field = message.fields.find((one) => one.name === name);
    if (field === undefined) place.findings.unknown.push([...place.path, name]);
    else values[name] = valueIn(field, value, below(place, name));
  }
  return values;
}

function valueIn(field: DescField, value: unknown, place: Place): unknown {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return reject('array', place);
    return value.map((item, index) => oneOf(field, item, below(place, String(index))));
  }
  if (field.fieldKind === 'map') return isJsonRecord(value) ? value : reject('object', place);
  return oneOf(field, value, place);
}

function oneOf(field: DescField, value: unknown, place: Place): unknown {
  if (field.message !== undefined) {
    if (isWellKnown(field.message)) return value;
    if (!isJsonRecord(value) || place.path.length > MAX_DEPTH) return reject('object', place);
    return fieldsOf(field.message, value, place);
  }
  const type = field.scalar === undefined ? 'string' : TYPES[field.scalar];
  return IS_OF_TYPE[type](value) ? value : reject(type, place);
}

/** The same message and field name as from a service's own route; never the input. */
function reject(type: string, { findings, path }: Place): undefined {
  findings.errors.push({ field: path.join('.'), message: `Expected ${type}` });
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
