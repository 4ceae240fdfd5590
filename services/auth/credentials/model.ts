import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { newPassword, typedPassword } from '#kit/text/password';

export const WrongPassword = defineProblem('auth.wrong-password', 403, 'Wrong current password');

export const PasswordChange = Type.Object({
  current_password: typedPassword(),
  new_password: newPassword(),
});
export type PasswordChange = Static<typeof PasswordChange>;
