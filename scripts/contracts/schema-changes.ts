import { asRecord, type JsonObject } from '#kit/http/openapi/json-object';

/** Who sends the values of a schema: clients must still be understood, and must still understand. */
export type Direction = 'request' | 'response';

interface Comparison {
  readonly direction: Direction;
  /** The documents, for references. */
  readonly before: JsonObject;
  readonly after: JsonObject;
  /** Pairs of references that are being compared: schemas may contain themselves. */
  readonly open: ReadonlySet<string>;
}

/**
 * The changes of a schema that break clients: what they send is refused now, or what they read is gone or different.
 *
 * @param place for the lines
 * @returns a line for each change
 */
export function schemaChanges(
  before: unknown,
  after: unknown,
  place: string,
  comparison: Comparison,
): string[] {
  const references = [before, after].map((schema) => asRecord(schema).$ref);
  const pair = references.join(' ');
  if (comparison.open.has(pair)) return [];
  const inner = references.some((reference) => reference !== undefined)
    ? { ...comparison, open: new Set([...comparison.open, pair]) }
    : comparison;
  const old = alternativesOf(before, comparison.before);
  const now = alternativesOf(after, comparison.after);
  const [onlyOld = {}, onlyNow = {}] = [old[0], now[0]];
  if (old.length === 1 && now.length === 1) return oneSchemaChanges(onlyOld, onlyNow, place, inner);
  // Every value that was accepted still is; every value that is sent was expected.
  const isCovered =
    comparison.direction === 'request'
      ? old.every((one) => now.some((other) => oneSchemaChanges(one, other, place, inner).length === 0))
      : now.every((other) => old.some((one) => oneSchemaChanges(one, other, place, inner).length === 0));
  return isCovered ? [] : [`${place}: other alternatives`];
}

/** The alternatives of a union, of a list of types or of one schema, each with its parts put together. */
function alternativesOf(schema: unknown, document: JsonObject): JsonObject[] {
  const { anyOf, oneOf, allOf, type, $ref, ...rest } = asRecord(schema);
  if (typeof $ref === 'string') return alternativesOf({ ...resolved($ref, document), ...rest }, document);
  const union = anyOf ?? oneOf;
  if (Array.isArray(union)) return union.flatMap((one) => alternativesOf(one, document));
  if (Array.isArray(allOf)) {
    const parts = allOf.flatMap((one) => alternativesOf(one, document));
    return [parts.reduce(together, { ...rest, ...(type !== undefined && { type }) })];
  }
  if (Array.isArray(type)) return type.map((one) => ({ ...rest, type: one }));
  return [type === undefined ? rest : { ...rest, type }];
}

const resolved = (reference: string, document: JsonObject): JsonObject =>
  asRecord(
    reference
      .split('/')
      .slice(1)
      .reduce<unknown>((value, part) => asRecord(value)[part], document),
  );

const together = (left: JsonObject, right: JsonObject): JsonObject => ({
  ...left,
  ...right,
  properties: { ...asRecord(left.properties), ...asRecord(right.properties) },
  required: [...list(left.required), ...list(right.required)],
});

function oneSchemaChanges(
  before: JsonObject,
  after: JsonObject,
  place: string,
  comparison: Comparison,
): string[] {
  const isRequest = comparison.direction === 'request';
  const types = typeChanges(before, after, place, isRequest);
  if (types.length > 0) return types;
  return [
    ...(isRequest ? boundChanges(before, after, place) : []),
    ...enumChanges(before, after, place, isRequest),
    ...memberChanges(before, after, place, comparison),
    ...nestedChanges('items', '[]', { before, after }, place, comparison),
    ...nestedChanges('additionalProperties', '{}', { before, after }, place, comparison),
  ];
}

/** An integer is a number; a schema without a type is any value. */
function typeChanges(before: JsonObject, after: JsonObject, place: string, isRequest: boolean): string[] {
  const [narrow, wide] = isRequest ? [before, after] : [after, before];
  const fits =
    wide.type === undefined ||
    narrow.type === wide.type ||
    (narrow.type === 'integer' && wide.type === 'number');
  if (!fits) return [`${place}: type ${before.type ?? 'any'} is now ${after.type ?? 'any'}`];
  return before.format === after.format || wide.format === undefined
    ? []
    : [`${place}: format ${before.format ?? 'any'} is now ${after.format ?? 'any'}`];
}

function enumChanges(before: JsonObject, after: JsonObject, place: string, isRequest: boolean): string[] {
  const old = valuesOf(before);
  const now = valuesOf(after);
  // Clients tolerate new values; a response that may be anything now is another type to them.
  if (!isRequest)
    return old !== undefined && now === undefined ? [`${place}: values are not listed any more`] : [];
  if (now === undefined) return [];
  if (old === undefined) return [`${place}: only listed values are accepted now`];
  return old
    .filter((value) => !now.includes(value))
    .map((value) => `${place}: value ${value} is not accepted any more`);
}

const valuesOf = (schema: JsonObject): string[] | undefined => {
  if ('const' in schema) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
};

const MAXIMA = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const MINIMA = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];

function boundChanges(before: JsonObject, after: JsonObject, place: string): string[] {
  const limit = (schema: JsonObject, name: string, unset: number) =>
    typeof schema[name] === 'number' ? schema[name] : unset;
  const isLower = (name: string) => limit(after, name, Infinity) < limit(before, name, Infinity);
  const isHigher = (name: string) => limit(after, name, -Infinity) > limit(before, name, -Infinity);
  const isOther = after.pattern !== undefined && after.pattern !== before.pattern;
  return [...MAXIMA.filter(isLower), ...MINIMA.filter(isHigher), ...(isOther ? ['pattern'] : [])].map(
    (name) => `${place}: ${name} ${before[name] ?? 'none'} is now ${after[name]}`,
  );
}

/** Requests with members that no schema names are refused, so a removed one breaks in both directions. */
function memberChanges(
  before: JsonObject,
  after: JsonObject,
  place: string,
  comparison: Comparison,
): string[] {
  const old = asRecord(before.properties);
  const now = asRecord(after.properties);
  const removed = Object.keys(old).filter((name) => !(name in now));
  const [wasRequired, isRequired] = [list(before.required), list(after.required)];
  const isRequest = comparison.direction === 'request';
  const [stricter, looser] = isRequest ? [isRequired, wasRequired] : [wasRequired, isRequired];
  const changed = stricter.filter((name) => !looser.includes(name) && !removed.includes(String(name)));
  return [
    ...removed.map((name) => `${place}.${name}: removed`),
    ...changed.map((name) => `${place}.${name}: ${isRequest ? 'required now' : 'not always there any more'}`),
    ...Object.keys(old)
      .filter((name) => name in now)
      .flatMap((name) => schemaChanges(old[name], now[name], `${place}.${name}`, comparison)),
  ];
}

function nestedChanges(
  key: 'items' | 'additionalProperties',
  suffix: string,
  { before, after }: { readonly before: JsonObject; readonly after: JsonObject },
  place: string,
  comparison: Comparison,
): string[] {
  const [old, now] = [before[key], after[key]];
  if (now === undefined && old === undefined) return [];
  if (now === false && old !== false) return [`${place}${suffix}: not accepted any more`];
  return schemaChanges(old, now, `${place}${suffix}`, comparison);
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
