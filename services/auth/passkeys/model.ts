import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { lineOfText } from '#kit/text/schema';

export const PasskeyRefused = defineProblem('auth.passkey-refused', 401, 'Passkey refused');
export const PasskeyInvalid = defineProblem('auth.passkey-invalid', 422, 'Passkey registration invalid');
export const PasskeyExists = defineProblem('auth.passkey-exists', 409, 'Passkey registered before');
export const PasskeyNotFound = defineProblem('auth.passkey-not-found', 404, 'Passkey not found');
export const TooManyPasskeys = defineProblem('auth.too-many-passkeys', 409, 'Too many passkeys');
export const LastSignInMethod = defineProblem('auth.last-sign-in-method', 409, 'Last way to sign in');

const base64url = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[A-Za-z0-9_-]*$', error: 'base64url without padding' });

/** Objects of WebAuthn (Level 3, 5.1.8): browsers add members over time, which nothing here reads. */
const webAuthn = <Members extends TProperties>(members: Members): TObject<Members> =>
  Type.Object(members, { additionalProperties: true });

/** WebAuthn, 4: a credential id has up to 1,023 bytes. */
const credentialId = () => base64url(1_364);
const clientData = () => base64url(8_192);

const credential = <Members extends TProperties>(response: Members) =>
  webAuthn({
    id: credentialId(),
    rawId: credentialId(),
    type: Type.Literal('public-key'),
    response: webAuthn(response),
  });

/** `RegistrationResponseJSON` */
export const CreatedPasskey = credential({
  clientDataJSON: clientData(),
  attestationObject: base64url(16_384),
  transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 16 })),
});
export type CreatedPasskey = Static<typeof CreatedPasskey>;

/** `AuthenticationResponseJSON` */
export const AssertedPasskey = credential({
  clientDataJSON: clientData(),
  authenticatorData: base64url(8_192),
  signature: base64url(2_048),
  userHandle: Type.Optional(nullable(Type.String({ maxLength: 88 }))),
});
export type AssertedPasskey = Static<typeof AssertedPasskey>;

const descriptors = () =>
  Type.Array(
    Type.Object({
      id: Type.String(),
      type: Type.Literal('public-key'),
      transports: Type.Array(Type.String()),
    }),
  );

/** `PublicKeyCredentialCreationOptionsJSON`: for `PublicKeyCredential.parseCreationOptionsFromJSON` in a browser. */
export const CreationOptions = Type.Object({
  rp: Type.Object({ id: Type.String(), name: Type.String() }),
  user: Type.Object({ id: Type.String(), name: Type.String(), displayName: Type.String() }),
  challenge: Type.String(),
  pubKeyCredParams: Type.Array(Type.Object({ alg: Type.Integer(), type: Type.Literal('public-key') })),
  timeout: Type.Integer({ description: 'Milliseconds' }),
  excludeCredentials: descriptors(),
  authenticatorSelection: Type.Object({
    residentKey: Type.Literal('required'),
    requireResidentKey: Type.Boolean(),
    userVerification: Type.Literal('required'),
  }),
  attestation: Type.Literal('none'),
});
export type CreationOptions = Static<typeof CreationOptions>;

/** `PublicKeyCredentialRequestOptionsJSON`: for `PublicKeyCredential.parseRequestOptionsFromJSON` in a browser. */
export const RequestOptions = Type.Object({
  rpId: Type.String(),
  challenge: Type.String(),
  timeout: Type.Integer({ description: 'Milliseconds' }),
  allowCredentials: descriptors(),
  userVerification: Type.Union([Type.Literal('required'), Type.Literal('preferred')]),
});
export type RequestOptions = Static<typeof RequestOptions>;

const passkeyName = () => lineOfText({ max: 40, maxUnits: 60 }, { examples: ['Laptop'] });

export const NewPasskey = Type.Object({ name: Type.Optional(passkeyName()), credential: CreatedPasskey });
export type NewPasskey = Static<typeof NewPasskey>;

export const PasskeyChange = Type.Object({ name: passkeyName() });
export type PasskeyChange = Static<typeof PasskeyChange>;

export const Passkey = Type.Object({
  id: Type.String(),
  name: Type.String(),
  synced: Type.Boolean({ description: 'Whether a password manager keeps it on several devices' }),
  created_at: Type.String({ format: 'date-time' }),
  last_used_at: nullable(Type.String({ format: 'date-time' })),
});
export type Passkey = Static<typeof Passkey>;
export const PasskeyPage = PageOf(Passkey);

export const AddedPasskey = Type.Composite([
  Passkey,
  Type.Object({
    recovery_codes: nullable(Type.Array(Type.String()), {
      description: 'With the first second factor of an account, shown this once',
    }),
  }),
]);
export type AddedPasskey = Static<typeof AddedPasskey>;

export const PasskeySignIn = Type.Object({ passkey: AssertedPasskey });
