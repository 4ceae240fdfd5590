import { type Static, Type } from '@sinclair/typebox';
import { formOf, typed } from '../model';

/** Far more than the tokens in mailed links. */
const token = Type.String({ minLength: 1, maxLength: 256, description: 'From the mailed link' });

export const ForgotForm = formOf({ email: typed(1_024) });
export type ForgotForm = Static<typeof ForgotForm>;

export const ResetQuery = Type.Object({ token });

export const ResetForm = formOf({ token, new_password: typed() });
export type ResetForm = Static<typeof ResetForm>;
