import { MalformedBody, ValidationFailed } from '../../errors/problem';
import { decodeUtf8, requireUtf8 } from './json';
import { readMultipart } from './multipart';

/** The fields of a form. A repeated one is a list, which no schema of a single value takes. */
export type FormFields = Readonly<Record<string, string | readonly string[]>>;

/**
 * Parses an `application/x-www-form-urlencoded` body (WHATWG URL, section 5) without repairing it.
 *
 * @param contentType the whole header, whose `charset` may name UTF-8 only
 * @throws MalformedBody (400) for bytes, also percent-encoded ones, that are no UTF-8
 * @throws UnsupportedMediaType (415) for another charset
 * @throws ValidationFailed (422) for more than 1,000 fields
 */
export function parseForm(bytes: ArrayBuffer, contentType: string): FormFields {
  requireUtf8(contentType);
  const fields = new Map<string, string[]>();
  const pairs = decodeUtf8(bytes).split('&', MAX_PAIRS + 1);
  if (pairs.length > MAX_PAIRS)
    throw new ValidationFailed({ errors: [{ field: 'body', message: `At most ${MAX_PAIRS} fields` }] });
  for (const pair of pairs) {
    if (pair === '') continue;
    const [name = ''] = pair.split('=', 1);
    const key = decodeComponent(name);
    const value = decodeComponent(pair.slice(name.length + 1));
    const earlier = fields.get(key);
    if (earlier === undefined) fields.set(key, [value]);
    else earlier.push(value);
  }
  return asRecord(fields);
}

/** Several times what the largest form has: lists are sent in repeated fields. */
const MAX_PAIRS = 1_000;

function decodeComponent(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new MalformedBody({ detail: 'Percent-encoded bytes must be UTF-8.', cause });
  }
}

const MAX_FIELDS = 40;

/**
 * Parses the fields of a `multipart/form-data` body that holds no file.
 *
 * @throws what `readMultipart` throws
 */
export async function parseMultipart(bytes: ArrayBuffer, contentType: string): Promise<FormFields> {
  // Of a response rather than a request, whose URL and method would be made up.
  const { body } = new Response(bytes);
  const form = readMultipart(
    { body, headers: new Headers({ 'content-type': contentType }), signal: null },
    { fileField: null, maxFields: MAX_FIELDS },
  );
  await form.complete;
  return asRecord(form.fields);
}

const asRecord = (fields: ReadonlyMap<string, readonly string[]>): FormFields =>
  Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
