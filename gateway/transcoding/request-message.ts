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
import { fittingFields, isJsonRecord, type JsonRecord, valueOfText } from './expected-types';
import type { TranscodedRoute } from './rules';

/** As many problems as an answer names; the others show when these are mended. */
const MOST_ERRORS = 20;

/** An HTTP request, read. */
export interface ReadRequest {
  /** Without its query, as the service knows it. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined where there was no body. */
  readonly body: unknown;
}

/**
 * The request message of a route, encoded.
 *
 * @throws ValidationFailed naming each field that is of another type than the contract says
 */
export function requestMessage(route: TranscodedRoute, request: ReadRequest): Uint8Array {
  const { input } = route.rpc;
  const json = { ...fieldsOfBody(route, request), ...fieldsOfPath(route, request.path) };
  return toBinary(input, messageOf(input, json));
}

/** A message from texts: of a query, or of a form. @throws ValidationFailed like `requestMessage` */
export const messageOfTexts = (message: DescMessage, texts: Iterable<[string, string]>): Message =>
  messageOf(message, fieldsOfTexts(message, texts));

function fieldsOfBody({ rpc, body: place }: TranscodedRoute, { query, body }: ReadRequest): JsonRecord {
  if (place === null) return fieldsOfTexts(rpc.input, query);
  if (place !== '*') return { ...fieldsOfTexts(rpc.input, query), [place.name]: body };
  if (body === undefined) return {};
  if (!isJsonRecord(body))
    throw new ValidationFailed({ errors: [{ field: 'body', message: 'Expected object' }] });
  return body;
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
    // Well-formed encoding of something that is no UTF-8.
    throw new ValidationFailed({ errors: [{ field: field.name, message: 'Expected text' }] });
  }
}

function messageOf(message: DescMessage, json: JsonRecord): Message {
  const errors: FieldError[] = [];
  const fitting = fittingFields(message, json, errors);
  if (errors.length > 0) throw new ValidationFailed({ errors: errors.slice(0, MOST_ERRORS) });
  try {
    return fromJson(message, fitting as JsonValue);
  } catch (failure) {
    throw new ValidationFailed({ errors: [{ field: fieldIn(failure), message: 'Not valid' }] });
  }
}

/** The library's messages hold what was sent, so only the field's name is taken from them. */
function fieldIn(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return isFieldError(cause) ? cause.field().name : 'body';
}
