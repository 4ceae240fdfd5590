import { type SchemaError, schema, validate } from '@jsonresume/schema';
import type { FieldError } from '#kit/errors/problem';
import { isPartialDate } from '#kit/text/dates';
import { parseEmail } from '#kit/text/email';
import { hasUnprintable, isBlank } from '#kit/text/visible';
import { InvalidResume, ResumeTooLarge } from './model';

/** The fields of a JSON Resume that the code reads. Unknown fields are allowed everywhere and preserved. */
export interface JsonResume {
  readonly basics?: {
    readonly name?: string;
    readonly label?: string;
    readonly summary?: string;
    readonly [other: string]: unknown;
  };
  readonly work?: readonly Entry[];
  readonly education?: readonly Entry[];
  readonly skills?: readonly Entry[];
  readonly [other: string]: unknown;
}

/** One item of a section, such as a job or a skill. */
export type Entry = Readonly<Record<string, unknown>>;

/** Several times the size of a long résumé; a page of 100 still fits into one response. */
const MAX_BYTES = 64 * 1024;
/** Far deeper than any résumé; limits the recursion. */
const MAX_DEPTH = 24;
const MAX_ERRORS = 20;

/**
 * Validates a document against the published JSON Resume schema, and rejects what cannot be stored without loss. The
 * document is returned as it is: members that hold a blank string count as absent, because tools write those, but stay.
 *
 * @throws InvalidResume with the location of each error as a JSON pointer (RFC 6901), never the submitted value
 * @throws ResumeTooLarge beyond 64 KiB
 */
export function validatedResume(document: unknown): JsonResume {
  const error = lossError(document, [], 1);
  if (error !== undefined) throw new InvalidResume({ errors: [error] });
  requireSize(document);
  if (!isResume(document)) throw new InvalidResume({ errors: errorsIn(document) });
  return document;
}

/** @throws ResumeTooLarge beyond 64 KiB */
export function requireSize(document: unknown): void {
  if (Buffer.byteLength(JSON.stringify(document)) > MAX_BYTES)
    throw new ResumeTooLarge({ detail: 'A résumé can have at most 64 KiB.' });
}

/** A document without the members that hold a blank string. Items of lists stay, so that pointers are the same. */
export const withoutBlanks = <Value>(value: Value): Value => stripped(value) as Value;

function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => !(typeof member === 'string' && isBlank(member)))
      .map(([name, member]) => [name, stripped(member)]),
  );
}

const isResume = (document: unknown): document is JsonResume => errorsIn(document).length === 0;

const DATE_RULE = 'A date such as 2021-04-01, 2021-04 or 2021';

function errorsIn(document: unknown): FieldError[] {
  const filled = withoutBlanks(document);
  const fieldErrors: FieldError[] = [];
  validate(filled, (errors) => {
    // These paths consist of names from the schema, never of names sent by the client.
    for (const error of (errors ?? []).filter((each) => !isInternational(each)).slice(0, MAX_ERRORS))
      fieldErrors.push({
        field: pointerTo(error.path),
        // The only pattern in the schema is that of dates.
        message: error.message.includes('pattern') ? DATE_RULE : error.message,
      });
  });
  return fieldErrors.length > 0 ? fieldErrors : [...dateErrors(filled), ...urlErrors(filled)];
}

/** The formats of the schema are those of ASCII: an internationalized address or URL is one as well (RFC 6531, RFC 3987). */
const isInternational = ({ name, argument, instance }: SchemaError): boolean =>
  name === 'format' &&
  typeof instance === 'string' &&
  ((argument === 'email' && parseEmail(instance) !== null) ||
    (argument === 'uri' && /^https?:/i.test(instance) && URL.canParse(instance)));

/** The date fields of each section, as the schema names them. */
const DATE_FIELDS = Object.entries(schema.properties).map(([section, { items }]) => ({
  section,
  fields: Object.entries(items?.properties ?? {}).flatMap(([field, { $ref }]) =>
    $ref === '#/definitions/iso8601' ? [field] : [],
  ),
}));

/** An http or https URL, also one with characters that a URI would escape. */
function isLink(text: string): boolean {
  const url = hasUnprintable(text) ? null : URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

/** The schema takes any scheme: also `javascript:`, which would run in whoever follows the link. */
function urlErrors(document: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const check = (path: readonly (string | number)[], holder: unknown, names: readonly string[]) => {
    for (const name of names) {
      const value: unknown = Object(holder)[name];
      if (typeof value === 'string' && !isLink(value) && errors.length < MAX_ERRORS)
        errors.push({
          field: pointerTo([...path, name]),
          message: 'An http or https URL without credentials',
        });
    }
  };
  const { basics, meta, ...sections } = Object(document);
  check(['basics'], basics, ['url', 'image']);
  check(['meta'], meta, ['canonical']);
  for (const [section, entries] of [
    ['basics/profiles', Object(basics).profiles],
    ...Object.entries(sections),
  ])
    if (Array.isArray(entries))
      for (const [index, entry] of entries.entries()) check([...section.split('/'), index], entry, ['url']);
  return errors;
}

/** The pattern of the schema takes 31 February, and a thirteenth month. */
function dateErrors(document: unknown): FieldError[] {
  const sections = new Map(Object.entries(Object(document)));
  const errors: FieldError[] = [];
  for (const { section, fields } of DATE_FIELDS) {
    const entries = sections.get(section);
    if (fields.length === 0 || !Array.isArray(entries)) continue;
    for (const [index, entry] of entries.entries())
      for (const field of fields) {
        const date: unknown = Object(entry)[field];
        if (typeof date === 'string' && !isPartialDate(date) && errors.length < MAX_ERRORS)
          errors.push({ field: pointerTo([section, index, field]), message: DATE_RULE });
      }
  }
  return errors;
}

/** Finds what cannot be stored without loss: numbers beyond the precision of a double, lone surrogates, too many levels. */
function lossError(value: unknown, path: readonly string[], depth: number): FieldError | undefined {
  if (depth > MAX_DEPTH) return { field: pointerTo(path), message: `At most ${MAX_DEPTH} levels of nesting` };
  if (
    typeof value === 'number' &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  )
    return {
      field: pointerTo(path),
      message: 'A number that a double represents exactly; send others as strings',
    };
  if (typeof value === 'string' && !value.isWellFormed())
    return { field: pointerTo(path), message: 'Valid Unicode text' };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    if (!key.isWellFormed()) return { field: pointerTo(path), message: 'Member names in valid Unicode' };
    const error = lossError(part, [...path, key], depth + 1);
    if (error !== undefined) return error;
  }
  return undefined;
}

/** A key may be sent by the client: the pointer ends before the first that is not a plain name. */
function pointerTo(path: readonly (string | number)[]): string {
  const unsafe = path.findIndex((part) => !/^[$A-Za-z0-9_-]{1,64}$/.test(String(part)));
  return (unsafe === -1 ? path : path.slice(0, unsafe)).map((part) => `/${part}`).join('');
}
