import { type Static, type TProperties, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { inMediaTypes } from '#kit/http/body/read-body';

export const FormExpired = defineProblem('auth.form-expired', 403, 'Form expired, or sent by another site');

/** Of a path to go on to; those of OAuth requests are the longest. */
export const MAX_NEXT_UNITS = 8_192;

/**
 * The body of a form: its fields and its token. What a person may get wrong is validated later, so that the page can say so
 * beside the field.
 */
export const formOf = <Fields extends TProperties>(fields: Fields) =>
  inMediaTypes(
    Type.Object({ form_token: Type.Optional(Type.String({ maxLength: 64 })), ...fields }),
    'application/x-www-form-urlencoded',
  );

/** Something that a person has typed. */
export const typed = (maxUnits = 4_096) => Type.String({ maxLength: maxUnits });

const next = Type.Optional(
  Type.String({ maxLength: MAX_NEXT_UNITS, description: 'The path of the page to go on to' }),
);

export const NextQuery = Type.Object({ next });
export type NextQuery = Static<typeof NextQuery>;
