import { type Static, Type } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../model';

/** `again`: also for who is signed in, since a recent sign-in is required. `login_hint`: who is expected to sign in. */
export const SignInQuery = Type.Composite([
  NextQuery,
  Type.Object({
    again: Type.Optional(Type.Literal('1')),
    login_hint: Type.Optional(Type.String({ maxLength: 254 })),
  }),
]);

export type SignInQuery = Static<typeof SignInQuery>;

export const SignInForm = formOf({ ...NextQuery.properties, name: typed(254), password: typed() });
export type SignInForm = Static<typeof SignInForm>;

export const SignOutForm = formOf({});
