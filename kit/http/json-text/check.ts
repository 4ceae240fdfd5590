import type { TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { unknownMembers } from '../body/unknown-members';

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();

/**
 * Compares a ready text with the schema that the route documents: it is valid, and has no member that the schema does not
 * name. An object would be validated, and relieved of such members, by the framework.
 *
 * @throws when it differs; the message names the member, not its value
 */
export function checkJsonText(source: string, schema: TSchema): void {
  const value: unknown = JSON.parse(source);
  const check = compiled.get(schema) ?? TypeCompiler.Compile(schema);
  compiled.set(schema, check);
  const error = check.Errors(value).First();
  if (error !== undefined)
    throw new Error(
      `A JSON text does not satisfy the schema of its route at ${error.path}: ${error.message}`,
    );
  const [unknown] = unknownMembers(schema, value);
  if (unknown !== undefined)
    throw new Error(
      `A JSON text has a member that the schema of its route does not name: ${unknown.join('.')}`,
    );
}
