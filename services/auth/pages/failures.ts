import { type FieldError, Problem } from '#kit/errors/problem';
import { waitIn } from '#kit/http/html/problem-page';

/** What a form says about a failure: at the top, or beside its fields. */
export interface Failure {
  readonly status: number;
  readonly notice?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a form says about each expected problem, by its code. */
export type Wording = Readonly<Record<string, { notice: string } | { field: string; message: string }>>;

/**
 * What a form says about something that was thrown while it was processed. Errors of fields that the form has stand beside
 * them.
 *
 * @throws what a person can do nothing about by sending the form again
 */
export function failureOf(thrown: unknown, wording: Wording, fields: readonly string[]): Failure {
  if (!(thrown instanceof Problem)) throw thrown;
  const { code, status, headers, errors = [] } = thrown;
  const words = wording[code];
  if (words !== undefined)
    return 'notice' in words
      ? { status, notice: words.notice }
      : { status, errors: [{ field: words.field, message: words.message }] };
  const wait = status === 429 ? waitIn(headers['retry-after']) : undefined;
  if (wait !== undefined) return { status, headers, notice: `Too many attempts. Try again in ${wait}.` };
  if (errors.length > 0 && errors.every(({ field }) => fields.includes(field))) return { status, errors };
  throw thrown;
}
