import { type Static, Type } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../model';

/** One of the three. */
export const SecondFactorForm = formOf({
  ...NextQuery.properties,
  code: Type.Optional(typed(64)),
  recovery_code: Type.Optional(typed(64)),
  /** JSON. */
  passkey: Type.Optional(typed(16_384)),
});
export type SecondFactorForm = Static<typeof SecondFactorForm>;
