import { MEDIA_TYPES } from '../body/read-body';
import { asRecord, isRecord, type JsonObject, mapRecord } from './json-object';

/** The formats of JSON Schema 2020-12 and of OpenAPI's registry. Others are names of our own checks, unknown to tools. */
const STANDARD_FORMATS = new Set([
  ...[
    'date-time',
    'date',
    'time',
    'duration',
    'email',
    'idn-email',
    'hostname',
    'idn-hostname',
    'ipv4',
    'ipv6',
  ],
  ...[
    'uri',
    'uri-reference',
    'iri',
    'uuid',
    'regex',
    'binary',
    'byte',
    'password',
    'int32',
    'int64',
    'double',
  ],
]);

/** The text forms in which Elysia accepts a value of a query or form, as alternatives to the value itself. */
const TEXT_FORMS = new Set([
  'numeric',
  'integer',
  'boolean',
  'date',
  'ArrayString',
  'ArrayQuery',
  'ObjectString',
]);

/** Literal values, which may look like anything. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);
/** Their members have arbitrary names. */
const SCHEMA_MAPS = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas']);
/** Settings of TypeBox, Elysia and the platform, and identifiers to which nothing refers within a document. */
const INTERNAL = new Set(['error', '$id', '$schema', 'nullable', 'elysiaMeta', MEDIA_TYPES]);
/** TypeBox writes a record with arbitrary names as this pattern. */
const ANY_NAME = '^(.*)$';

/**
 * Converts a schema of a route into the JSON Schema of an OpenAPI 3.1 document: without settings of the framework and names
 * of formats that only this project knows, and with the type a value has in JSON where the framework also accepts a text.
 */
export function documentedSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(documentedSchema);
  if (!isRecord(schema)) return schema;
  const members = Object.entries(withoutTextForms(schema)).filter(
    ([key, value]) =>
      !INTERNAL.has(key) && !isClosing(key, value) && value !== undefined && typeof value !== 'function',
  );
  const converted = Object.fromEntries(members.map(([key, value]) => [key, convertedMember(key, value)]));
  return withFormat(withNames(withEnum(converted)));
}

/**
 * The framework closes the schemas of a route when it compiles it, with its first request: the documents would change. That
 * unknown members of bodies are rejected is a rule of all routes, and responses may have further ones.
 */
const isClosing = (key: string, value: unknown) => key === 'additionalProperties' && value === false;

function convertedMember(key: string, value: unknown): unknown {
  if (VALUES.has(key)) return value;
  return SCHEMA_MAPS.has(key) && isRecord(value)
    ? mapRecord(value, documentedSchema)
    : documentedSchema(value);
}

/** A number of a query is a number, although the framework also accepts its text. */
function withoutTextForms(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf)) return schema;
  const isTextForm = ({ type, format }: JsonObject) =>
    type === 'string' && (schema.elysiaMeta === 'ArrayQuery' || TEXT_FORMS.has(String(format)));
  const values = anyOf.filter((one) => !isTextForm(asRecord(one)));
  return values.length === 1 ? { ...rest, ...asRecord(values[0]) } : { ...rest, anyOf: values };
}

/** Alternatives that are constants of one type become a list of values. */
function withEnum(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || !anyOf.every(isConstant)) return schema;
  const types = new Set(anyOf.map(({ type }) => type));
  return types.size === 1 ? { ...rest, type: [...types][0], enum: anyOf.map((one) => one.const) } : schema;
}

/** A constant, and nothing besides that a list of values would lose. */
const isConstant = (schema: unknown): schema is JsonObject =>
  isRecord(schema) &&
  'const' in schema &&
  Object.keys(schema).every((key) => key === 'const' || key === 'type');

/** A record with arbitrary names. */
function withNames(schema: JsonObject): JsonObject {
  const { patternProperties, ...rest } = schema;
  const values = asRecord(patternProperties);
  return Object.keys(values).length === 1 && ANY_NAME in values
    ? { ...rest, additionalProperties: values[ANY_NAME] }
    : schema;
}

function withFormat(schema: JsonObject): JsonObject {
  const { format, ...rest } = schema;
  if (typeof format !== 'string' || STANDARD_FORMATS.has(format)) return schema;
  return format.startsWith('calendar-date') ? { ...rest, format: 'date' } : rest;
}
