import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { type FieldError, ValidationFailed } from './problem';

const checks = new WeakMap<TSchema, TypeCheck<TSchema>>();
const MOST_ERRORS = 20;

/**
 * Holds a value that did not come through a route, such as a gRPC request, to the schema of the route it stands for.
 *
 * @throws ValidationFailed naming each field that is not as expected, never what was sent
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
    if (!errors.has(field)) errors.set(field, { field, message: sentenceOf(schema) ?? message });
    if (errors.size === MOST_ERRORS) break;
  }
  return [...errors.values()];
}

const sentenceOf = (schema: TSchema): string | undefined =>
  typeof schema.error === 'string' ? schema.error : undefined;
