import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { type FieldError, ValidationFailed } from './problem';

/** Compiled on first use. Keyed by the schema itself, which has no field to hold its compiled form. */
const checks = new WeakMap<TSchema, TypeCheck<TSchema>>();
const MAX_FIELD_ERRORS = 20;

/**
 * Validates a value that did not pass through a route's own validation, such as a gRPC request.
 *
 * @returns the value, typed by the schema
 * @throws ValidationFailed naming each invalid field (20 at most), without the submitted values
 */
export function validated<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  let check = checks.get(schema);
  if (check === undefined) {
    check = TypeCompiler.Compile<TSchema>(schema);
    checks.set(schema, check);
  }
  if (!check.Check(value)) throw new ValidationFailed({ errors: fieldErrors(check, value) });
  return value as Static<Schema>;
}

function fieldErrors(check: TypeCheck<TSchema>, value: unknown): FieldError[] {
  const errors = new Map<string, FieldError>();
  for (const { path, message, schema } of check.Errors(value)) {
    const field = path.slice(1).replaceAll('/', '.');
    if (!errors.has(field)) errors.set(field, { field, message: messageOf(schema) ?? message });
    if (errors.size === MAX_FIELD_ERRORS) break;
  }
  return [...errors.values()];
}

const messageOf = (schema: TSchema): string | undefined =>
  typeof schema.error === 'string' ? schema.error : undefined;
