import { validate } from '@jsonresume/schema';
import type { FieldError } from '#kit/errors/problem';
import { InvalidResume, ResumeTooLarge } from './model';

/** What the code reads of a JSON Resume; there may be more in every part of it, which is kept as it is. */
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

/** One job, one school, one skill. */
export type Entry = Readonly<Record<string, unknown>>;

/** Several times a long résumé; a page of a hundred stays one answer. */
const LONGEST_BYTES = 64 * 1024;
/** Many times what a résumé needs; beyond it, walking through a document could run out of stack. */
const DEEPEST_LEVEL = 24;
const MOST_ERRORS = 20;

/**
 * Holds a document to the published schema of JSON Resume, and to what can be kept without loss.
 *
 * @throws InvalidResume with the place of each fault as a JSON pointer (RFC 6901), never what was sent
 * @throws ResumeTooLarge beyond 64 KiB
 */
export function checkedResume(document: unknown): JsonResume {
  const fault = faultOfKeeping(document, [], 1);
  if (fault !== undefined) throw new InvalidResume({ errors: [fault] });
  if (Buffer.byteLength(JSON.stringify(document)) > LONGEST_BYTES) throw new ResumeTooLarge();
  if (!isResume(document)) throw new InvalidResume({ errors: faultsOfSchema(document) });
  return document;
}

const isResume = (document: unknown): document is JsonResume => faultsOfSchema(document).length === 0;

function faultsOfSchema(document: unknown): FieldError[] {
  const faults: FieldError[] = [];
  validate(document, (errors) => {
    // The schema knows the names in these paths, so none of them is the client's own.
    for (const { path, message } of errors?.slice(0, MOST_ERRORS) ?? [])
      faults.push({
        field: pointerTo(path),
        // Its one pattern is that of dates.
        message: message.includes('pattern') ? 'A date like 2021-04-01, 2021-04 or 2021' : message,
      });
  });
  return faults;
}

/** What would not come back as it went in: numbers beyond a double's precision, and too many levels. */
function faultOfKeeping(value: unknown, path: readonly string[], level: number): FieldError | undefined {
  if (level > DEEPEST_LEVEL)
    return { field: pointerTo(path), message: `At most ${DEEPEST_LEVEL} levels can be kept` };
  if (
    typeof value === 'number' &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  )
    return { field: pointerTo(path), message: 'This number cannot be kept exactly: send it as text' };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const fault = faultOfKeeping(part, [...path, key], level + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** A key may be what a client sent: the pointer ends before one that no schema would hold. */
function pointerTo(path: readonly (string | number)[]): string {
  const strange = path.findIndex((part) => !/^[$A-Za-z0-9_-]{1,64}$/.test(String(part)));
  return (strange === -1 ? path : path.slice(0, strange)).map((part) => `/${part}`).join('');
}
