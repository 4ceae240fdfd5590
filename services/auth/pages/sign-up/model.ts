import type { Static } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../model';

export const SignUpForm = formOf({
  ...NextQuery.properties,
  username: typed(254),
  email: typed(1_024),
  password: typed(),
});
export type SignUpForm = Static<typeof SignUpForm>;
