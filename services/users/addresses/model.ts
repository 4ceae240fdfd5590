import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { inMediaTypes } from '#kit/http/body/read-body';
import { typedPassword } from '#kit/text/password';
import { Email } from '../accounts/model';

export const InvalidVerification = defineProblem(
  'user.verification-refused',
  410,
  'Verification link invalid or expired',
);
export const AddressVerified = defineProblem('user.email-verified', 409, 'Email address already verified');
export const AddressUndeliverable = defineProblem(
  'user.email-undeliverable',
  409,
  'Email address undeliverable',
);
export const TooManyVerifications = defineProblem(
  'user.too-many-verifications',
  429,
  'Too many verification mails',
);

export const AddressChange = Type.Object({
  email: Email,
  current_password: Type.Optional(typedPassword()),
});
export type AddressChange = Static<typeof AddressChange>;

const Token = Type.String({ minLength: 1, maxLength: 256, description: 'From the mailed link' });

export const VerificationQuery = Type.Object({ token: Token });
/** Sent by the page of the link as a form, by apps as JSON. */
export const Verification = inMediaTypes(
  Type.Object({ token: Token }),
  'application/json',
  'application/x-www-form-urlencoded',
);
export type Verification = Static<typeof Verification>;
