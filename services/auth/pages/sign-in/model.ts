import { type Static, Type } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../model';

/** `again`: also for who is signed in, since a recent sign-in is required. */
export const SignInQuery = Type.Composite([
  NextQuery,
  Type.Object({ again: Type.Optional(Type.Literal('1')) }),
]);

export const SignInForm = formOf({ ...NextQuery.properties, name: typed(254), password: typed() });
export type SignInForm = Static<typeof SignInForm>;

export const SignOutForm = formOf({});
