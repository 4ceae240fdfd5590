import { Value } from '@sinclair/typebox/value';
import { asRecord, isRecord, type JsonObject } from '#kit/http/openapi/json-object';
import { ARBITRARY_NAMES, COMPONENTS, referencesIn } from './openapi-names';
import { METHODS, OpenApiShape } from './openapi-shape';

const MAX_FAULT_CHARACTERS = 200;

/**
 * Why a document cannot be merged: it has another shape than OpenAPI 3.0 or 3.1 prescribe, or names what it does not define.
 * A merged document is valid if all of its parts are.
 *
 * @returns the first fault, with where it is; undefined for a valid document
 */
export function faultIn(document: unknown): string | undefined {
  try {
    return findFault(document)?.slice(0, MAX_FAULT_CHARACTERS);
  } catch (failure) {
    // A document nested deeper than the stack allows.
    if (failure instanceof RangeError) return 'It is nested too deeply';
    throw failure;
  }
}

function findFault(document: unknown): string | undefined {
  if (!isRecord(document)) return 'It is not a JSON object';
  if ('swagger' in document) return 'It is not of version 3.0 or 3.1';
  const plain = withoutExtensions(document);
  for (const { path, message } of Value.Errors(OpenApiShape, plain)) return `${path}: ${message}`;
  return unresolved(document) ?? undefinedSecurity(document) ?? parameterFault(document);
}

/** In maps with arbitrary names one that looks like an extension is a member like any other. */
function withoutExtensions(value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutExtensions(item));
  if (!isRecord(value)) return value;
  const members = Object.entries(value).filter(([key]) => isMap || !key.startsWith('x-'));
  return Object.fromEntries(
    members.map(([key, member]) => [key, withoutExtensions(member, !isMap && ARBITRARY_NAMES.has(key))]),
  );
}

/** Only components can be referred to: everything else has another place in the merged document. */
function unresolved(document: JsonObject): string | undefined {
  const components = asRecord(document.components);
  for (const reference of referencesIn(document)) {
    if (!reference.startsWith(COMPONENTS)) return `${reference}: not a reference to a component`;
    const [kind = '', name = '', ...rest] = reference.slice(COMPONENTS.length).split('/');
    let target = asRecord(components[kind])[name];
    for (const part of rest) target = asRecord(target)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
    if (target === undefined) return `${reference}: no such component`;
  }
  return undefined;
}

function undefinedSecurity(document: JsonObject): string | undefined {
  const schemes = asRecord(asRecord(document.components).securitySchemes);
  const requirements = [
    document.security,
    ...operationsOf(document).map(({ operation }) => operation.security),
  ];
  const names = requirements.flatMap((list) =>
    Array.isArray(list) ? list.flatMap((one) => Object.keys(one)) : [],
  );
  const unknown = names.find((name) => !(name in schemes));
  return unknown === undefined ? undefined : `${unknown}: no such security scheme`;
}

/** Every operation of a document, with what its path item says for all of them. */
export const operationsOf = (document: JsonObject) =>
  Object.entries(asRecord(document.paths)).flatMap(([path, item]) =>
    Object.entries(asRecord(item))
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({ path, method, operation: asRecord(operation), item: asRecord(item) })),
  );

/** Each parameter of a path is described, once, and no other one. */
function parameterFault(document: JsonObject): string | undefined {
  const components = asRecord(asRecord(document.components).parameters);
  const namesOf = (list: unknown) =>
    (Array.isArray(list) ? list : []).map((one) => {
      const { $ref } = asRecord(one);
      const { in: place, name } = asRecord(
        typeof $ref === 'string' ? components[$ref.split('/').at(-1) ?? ''] : one,
      );
      return `${place} ${name}`;
    });
  for (const { path, method, operation, item } of operationsOf(document)) {
    const own = namesOf(operation.parameters);
    const shared = namesOf(item.parameters);
    const named = new Set([...own, ...shared].filter((one) => one.startsWith('path ')));
    const expected = new Set([...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => `path ${name}`));
    const isRepeated = [own, shared].some((list) => new Set(list).size < list.length);
    if (isRepeated || named.symmetricDifference(expected).size > 0)
      return `${method.toUpperCase()} ${path}: the parameters of the path are not those described`;
  }
  return undefined;
}
