import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { emailAddress } from '#kit/text/fields';
import { newPassword } from '#kit/text/password';

export const InvalidResetToken = defineProblem(
  'auth.reset-refused',
  410,
  'Password reset link invalid or expired',
);

export const ForgottenPassword = Type.Object({
  email: emailAddress(),
});
export type ForgottenPassword = Static<typeof ForgottenPassword>;

export const PasswordReset = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 256, description: 'From the mailed link' }),
  new_password: newPassword(),
});
export type PasswordReset = Static<typeof PasswordReset>;
