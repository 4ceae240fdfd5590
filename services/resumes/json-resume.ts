import { validate } from '@jsonresume/schema';
import type { FieldError } from '#kit/errors/problem';
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
 * Validates a document against the published JSON Resume schema, and rejects what cannot be stored without loss.
 *
 * @throws InvalidResume with the location of each error as a JSON pointer (RFC 6901), never the submitted value
 * @throws ResumeTooLarge beyond 64 KiB
 */
export function validatedResume(document: unknown): JsonResume {
  const error = lossError(document, [], 1);
  if (error !== undefined) throw new InvalidResume({ errors: [error] });
  if (Buffer.byteLength(JSON.stringify(document)) > MAX_BYTES)
    throw new ResumeTooLarge({ detail: 'A résumé can have at most 64 KiB.' });
  if (!isResume(document)) throw new InvalidResume({ errors: schemaErrors(document) });
  return document;
}

const isResume = (document: unknown): document is JsonResume => schemaErrors(document).length === 0;

function schemaErrors(document: unknown): FieldError[] {
  const fieldErrors: FieldError[] = [];
  validate(document, (errors) => {
    // These paths consist of names from the schema, never of names sent by the client.
    for (const { path, message } of errors?.slice(0, MAX_ERRORS) ?? [])
      fieldErrors.push({
        field: pointerTo(path),
        // The only pattern in the schema is that of dates.
        message: message.includes('pattern') ? 'A date such as 2021-04-01, 2021-04 or 2021' : message,
      });
  });
  return fieldErrors;
}

/** Finds what cannot be stored without loss: numbers beyond the precision of a double, and too many levels. */
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
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
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
