import { type Static, Type } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../pages/model';

export const ProviderPath = Type.Object({ name: Type.String({ maxLength: 40 }) });

/**
 * What a provider sends a browser back with (RFC 6749, section 4.1.2; RFC 9207). Providers add parameters of their own, which have
 * no meaning here.
 */
export const CallbackQuery = Type.Object(
  {
    state: Type.Optional(typed()),
    code: Type.Optional(typed()),
    iss: Type.Optional(typed()),
    error: Type.Optional(typed()),
  },
  { additionalProperties: true },
);

/** `link`: the account is linked to whoever is signed in. */
export const BeginForm = formOf({ ...NextQuery.properties, purpose: Type.Optional(Type.Literal('link')) });
export type BeginForm = Static<typeof BeginForm>;

export const RegisterForm = formOf({ username: typed(254), email: typed(1_024) });
export type RegisterForm = Static<typeof RegisterForm>;

export const ConfirmForm = formOf({});
