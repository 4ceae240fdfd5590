import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';

export const WrongPassword = defineProblem('auth.wrong-password', 403, 'Wrong current password');

export const Secret = Type.String({ minLength: 1, maxLength: 256 });
export const NewPassword = Type.String({
  minLength: 8,
  maxLength: 256,
  error: '8 to 256 characters',
  examples: ['correct horse battery staple'],
});

export const PasswordChange = Type.Object({ current_password: Secret, new_password: NewPassword });
export type PasswordChange = Static<typeof PasswordChange>;
