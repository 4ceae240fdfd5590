import { type TSchema, Type } from '@sinclair/typebox';

/** The schema of a value that may be null, as OpenAPI 3.1 writes it. */
export const nullable = <Schema extends TSchema>(schema: Schema, options: { description?: string } = {}) =>
  Type.Union([schema, Type.Null()], options);
