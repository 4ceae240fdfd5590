import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { type FieldError, ValidationFailed } from '#kit/errors/problem';
import { unknownFields } from '#kit/http/body/unknown-members';
import { isJsonRecord, type JsonRecord, matchingFields, unknownMembersOf, valueOfText } from './field-types';
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
 * Encodes the request message of a route.
 *
 * @throws ValidationFailed naming each field that the contract does not know or that does not match the contract's type
 */
export function requestMessage(route: TranscodedRoute, request: ReadRequest): Uint8Array {
  const { input } = route.rpc;
  const json = { ...fieldsOfBody(route, request), ...fieldsOfPath(route, request.path) };
  return toBinary(input, messageOf(input, json));
}

/** Converts the text fields of a query or form to a message. @throws ValidationFailed like `requestMessage` */
export const messageOfTexts = (message: DescMessage, texts: Iterable<[string, string]>): Message =>
  messageOf(message, fieldsOfTexts(message, texts));

function fieldsOfBody({ rpc, body: target }: TranscodedRoute, { query, body }: ReadRequest): JsonRecord {
  if (target === null) return fieldsOfTexts(rpc.input, query);
  if (target !== '*')
    return { ...fieldsOfTexts(rpc.input, query), ...known(rpc.input, { [target.name]: body }) };
  if (body === undefined) return {};
  if (!isJsonRecord(body))
    throw new ValidationFailed({ errors: [{ field: 'body', message: 'Expected object' }] });
  return known(rpc.input, body);
}

function known(message: DescMessage, json: JsonRecord): JsonRecord {
  const unknown = unknownMembersOf(message, json);
  if (unknown.length > 0) throw unknownFields(unknown);
  return json;
}

function fieldsOfTexts(message: DescMessage, texts: Iterable<[string, string]>): JsonRecord {
  const fields = new Map<string, unknown>();
  for (const [name, text] of texts) {
    const field = message.fields.find((one) => one.name === name);
    if (field === undefined) continue;
    const value = valueOfText(field, text);
    const before = fields.get(name);
    if (field.fieldKind !== 'list') fields.set(name, value);
    else fields.set(name, Array.isArray(before) ? [...before, value] : [value]);
  }
  return Object.fromEntries(fields);
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
  const errors: FieldError[] = [];
  const matching = matchingFields(message, json, errors);
  if (errors.length > 0) throw new ValidationFailed({ errors: errors.slice(0, MAX_ERRORS) });
  try {
    return fromJson(message, matching as JsonValue);
  } catch (failure) {
    throw new ValidationFailed({ errors: [{ field: fieldIn(failure), message: 'Not valid' }] });
  }
}

/** The library's messages contain the input, so only the field's name is used. */
function fieldIn(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return isFieldError(cause) ? cause.field().name : 'body';
}
