import { asRecord, type JsonObject } from '#kit/http/openapi/json-object';
import { operationsOf } from '../../gateway/pages/openapi-faults';
import { type Direction, schemaChanges } from './schema-changes';

/**
 * The changes between two versions of an OpenAPI document that break clients of the first: removed operations, parameters,
 * members and responses, new requirements, narrowed values, other types, stricter access. The rules are those of oasdiff's
 * errors (https://github.com/oasdiff/oasdiff/blob/main/docs/BREAKING-CHANGES.md); unlike there, a removed request member
 * breaks as well, because unknown members are refused.
 *
 * @returns a line for each change
 */
export function breakingChanges(before: JsonObject, after: JsonObject): string[] {
  const now = new Map(operationsOf(after).map((one) => [keyOf(one), one.operation]));
  return operationsOf(before).flatMap((one) => {
    const where = `${one.method.toUpperCase()} ${one.path}`;
    const operation = now.get(keyOf(one));
    if (operation === undefined) return [`${where}: removed`];
    const documents = { before, after };
    return [
      ...accessChanges(one.operation, operation),
      ...scopeChanges(one.operation, operation),
      ...parameterChanges(one.operation, operation, documents),
      ...bodyChanges(one.operation, operation, documents),
      ...responseChanges(one.operation, operation, documents),
    ].map((change) => `${where}: ${change}`);
  });
}

interface Documents {
  readonly before: JsonObject;
  readonly after: JsonObject;
}

/** The names of a path's parameters are nothing to a client. */
const keyOf = ({ method, path }: { method: string; path: string }) =>
  `${method} ${path.replaceAll(/\{[^{}]+\}/g, '{}')}`;

const RULES_BY_STRICTNESS = ['public', 'optional', 'user'];

/** Another permission is another requirement; nothing at all is the loosest. */
function accessChanges(before: JsonObject, after: JsonObject): string[] {
  const [old, now] = [before, after].map((operation) => String(operation['x-access'] ?? 'public'));
  if (old === now) return [];
  const rank = (rule = '') =>
    RULES_BY_STRICTNESS.includes(rule) ? RULES_BY_STRICTNESS.indexOf(rule) : Infinity;
  const isLooser = rank(now) < rank(old);
  return isLooser ? [] : [`access ${old} is now ${now}`];
}

/** People have allowed apps the old scope, and nobody asks them again. */
function scopeChanges(before: JsonObject, after: JsonObject): string[] {
  const [old, now] = [before['x-scope'], after['x-scope']];
  if (old === undefined || old === now || after['x-access'] === 'public') return [];
  return [now === undefined ? `scope ${old} removed: no app is admitted` : `scope ${old} is now ${now}`];
}

const parametersIn = (operation: JsonObject): JsonObject[] =>
  (Array.isArray(operation.parameters) ? operation.parameters : [])
    .map(asRecord)
    .filter((parameter) => parameter.in !== 'path');

function parameterChanges(before: JsonObject, after: JsonObject, documents: Documents): string[] {
  const keyed = (operation: JsonObject) =>
    new Map(
      parametersIn(operation).map((one) => [`${one.in} parameter ${String(one.name).toLowerCase()}`, one]),
    );
  const [old, now] = [keyed(before), keyed(after)];
  const added = [...now].filter(
    ([key, { required }]) => required === true && old.get(key)?.required !== true,
  );
  return [
    ...added.map(([key]) => `${key}: required now`),
    ...[...old].flatMap(([key, parameter]) => {
      const same = now.get(key);
      return same === undefined
        ? [`${key}: removed`]
        : schemaChanges(parameter.schema, same.schema, key, compare('request', documents));
    }),
  ];
}

function bodyChanges(before: JsonObject, after: JsonObject, documents: Documents): string[] {
  const [old, now] = [asRecord(before.requestBody), asRecord(after.requestBody)];
  if (before.requestBody === undefined) return now.required === true ? ['body: required now'] : [];
  if (after.requestBody === undefined) return ['body: removed'];
  return [
    ...(now.required === true && old.required !== true ? ['body: required now'] : []),
    ...contentChanges(old, now, 'body', compare('request', documents)),
  ];
}

function responseChanges(before: JsonObject, after: JsonObject, documents: Documents): string[] {
  const [old, now] = [asRecord(before.responses), asRecord(after.responses)];
  return Object.entries(old).flatMap(([status, response]) => {
    const name = `response ${status}`;
    if (!(status in now)) return [`${name}: removed`];
    const pair = [follow(response, documents.before), follow(now[status], documents.after)] as const;
    return contentChanges(pair[0], pair[1], name, compare('response', documents));
  });
}

/** A response, or the component that it refers to. */
function follow(response: unknown, document: JsonObject): JsonObject {
  const { $ref } = asRecord(response);
  if (typeof $ref !== 'string') return asRecord(response);
  return asRecord(asRecord(asRecord(document.components).responses)[$ref.split('/').at(-1) ?? '']);
}

function contentChanges(
  before: JsonObject,
  after: JsonObject,
  name: string,
  comparison: ReturnType<typeof compare>,
): string[] {
  const now = asRecord(after.content);
  return Object.entries(asRecord(before.content)).flatMap(([mediaType, content]) =>
    mediaType in now
      ? schemaChanges(asRecord(content).schema, asRecord(now[mediaType]).schema, name, comparison)
      : [`${name}: ${mediaType} removed`],
  );
}

const compare = (direction: Direction, documents: Documents) => ({
  direction,
  ...documents,
  open: new Set<string>(),
});

/**
 * Whether a new version announces breaking changes (https://semver.org): another major one, or before 1.0 another minor one.
 */
export function announcesBreakingChanges(before: string, after: string): boolean {
  const [[oldMajor = 0, oldMinor = 0], [major = 0, minor = 0]] = [
    before.split('.').map(Number),
    after.split('.').map(Number),
  ];
  return major > oldMajor || (major === 0 && oldMajor === 0 && minor > oldMinor);
}
