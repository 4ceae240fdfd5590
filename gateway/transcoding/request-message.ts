import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { ValidationFailed } from '#kit/errors/problem';
import { problemOfNeedlessBody } from '#kit/http/body/read-body';
import { unknownFields } from '#kit/http/body/unknown-members';
import { repeatedParameters } from '#kit/http/strictness';
import { isJsonRecord, type JsonRecord, readFields, valueOfText } from './field-types';
import type { TranscodedRoute } from './rules';

/** Maximum errors per response. */
const MAX_ERRORS = 20;

/** A parsed HTTP request. */
export interface ReadRequest {
  /** Without the query, as the service knows it. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
}

/**
 * Encodes the request message of a route. Like the services' own routes, it takes a request whole or rejects it.
 *
 * @throws ValidationFailed naming each field that the contract does not know, that has several values instead of one, or
 *   that does not match the contract's type
 */
export function requestMessage(route: TranscodedRoute, { path, query, body }: ReadRequest): Uint8Array {
  const { input } = route.rpc;
  const fields = {
    ...fieldsOfBody(route, body),
    ...fieldsOfTexts(queryFields(route), query),
    ...fieldsOfPath(route, path),
  };
  return toBinary(input, messageOf(input, fields));
}

/** Converts the text fields of a form to a message. @throws ValidationFailed like `requestMessage` */
export const messageOfTexts = (message: DescMessage, texts: Iterable<[string, string]>): Message =>
  messageOf(message, fieldsOfTexts(message.fields, texts));

function fieldsOfBody({ body: target }: TranscodedRoute, body: unknown): JsonRecord {
  if (target === null) {
    const problem = problemOfNeedlessBody(body);
    if (problem !== undefined) throw problem;
    return {};
  }
  if (body === undefined) return {};
  if (target !== '*') return { [target.name]: body };
  if (!isJsonRecord(body))
    throw new ValidationFailed({ errors: [{ field: 'body', message: 'Expected object' }] });
  return body;
}

/** @throws ValidationFailed like `requestMessage` */
export function requireKnownParameters(route: TranscodedRoute, query: URLSearchParams): void {
  fieldsOfTexts(queryFields(route), query);
}

/** The fields that the query may hold: those that are neither in the path nor in the body. */
function queryFields({ rpc, body, pathFields }: TranscodedRoute): DescField[] {
  if (body === '*') return [];
  const elsewhere = new Set<DescField | null>([body, ...pathFields.values()]);
  return rpc.input.fields.filter((field) => field.message === undefined && !elsewhere.has(field));
}

function fieldsOfTexts(fields: readonly DescField[], texts: Iterable<[string, string]>): JsonRecord {
  const values = new Map<string, unknown>();
  const unknown: string[] = [];
  const repeated: string[] = [];
  for (const [name, text] of texts) {
    const field = fields.find((one) => one.name === name);
    const before = values.get(name);
    if (field === undefined) unknown.push(name);
    else if (field.fieldKind === 'list')
      values.set(name, [...(Array.isArray(before) ? before : []), valueOfText(field, text)]);
    else if (before !== undefined) repeated.push(name);
    else values.set(name, valueOfText(field, text));
  }
  if (unknown.length > 0)
    throw unknownFields(
      unknown.map((name) => [name]),
      'query',
    );
  if (repeated.length > 0) throw repeatedParameters(repeated);
  return Object.fromEntries(values);
}

function fieldsOfPath({ pathFields }: TranscodedRoute, path: string): JsonRecord {
  if (pathFields.size === 0) return {};
  const segments = path.split('/');
  return Object.fromEntries(
    [...pathFields].map(([position, field]) => [
      field.name,
      valueOfText(field, decodedSegment(field, segments[position] ?? '')),
    ]),
  );
}

function decodedSegment(field: DescField, segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Percent-encoded, but not UTF-8.
    throw new ValidationFailed({ errors: [{ field: field.name, message: 'Expected text' }] });
  }
}

function messageOf(message: DescMessage, json: JsonRecord): Message {
  const { values, unknown, errors } = readFields(message, json);
  if (unknown.length > 0) throw unknownFields(unknown, 'body');
  if (errors.length > 0) throw new ValidationFailed({ errors: errors.slice(0, MAX_ERRORS) });
  try {
    return fromJson(message, values as JsonValue);
  } catch (failure) {
    throw new ValidationFailed({ errors: [{ field: fieldIn(failure), message: 'Not valid' }] });
  }
}

/** The library's messages contain the input, so only the field's name is used. */
function fieldIn(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return isFieldError(cause) ? cause.field().name : 'body';
}
