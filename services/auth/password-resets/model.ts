import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { newPassword } from '#kit/text/password';

export const InvalidResetToken = defineProblem(
  'auth.reset-refused',
  410,
  'Password reset link invalid or expired',
);

export const ForgottenPassword = Type.Object({
  email: Type.String({ minLength: 3, maxLength: 320, examples: ['alice@example.com'] }),
});
export type ForgottenPassword = Static<typeof ForgottenPassword>;

export const PasswordReset = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 256, description: 'From the mailed link' }),
  new_password: newPassword(),
});
export type PasswordReset = Static<typeof PasswordReset>;
