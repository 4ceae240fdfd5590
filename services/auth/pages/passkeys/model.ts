import { type Static, Type } from '@sinclair/typebox';
import { formOf, NextQuery, typed } from '../model';

/** JSON, which the script of the page has made. */
const passkey = () => typed(32_768);

export const PasskeySignInForm = formOf({ ...NextQuery.properties, passkey: passkey() });
export type PasskeySignInForm = Static<typeof PasskeySignInForm>;

const id = () => Type.String({ maxLength: 36 });

export const AddPasskeyForm = formOf({ name: typed(256), passkey: passkey() });
export type AddPasskeyForm = Static<typeof AddPasskeyForm>;

export const RenamePasskeyForm = formOf({ id: id(), name: typed(256) });
export type RenamePasskeyForm = Static<typeof RenamePasskeyForm>;

export const RemovePasskeyForm = formOf({ id: id() });
