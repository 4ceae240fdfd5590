import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { nullable } from '#kit/http/schemas';
import { AssertedPasskey } from '../passkeys/model';

export const SecondFactorRequired = defineProblem(
  'auth.second-factor-required',
  401,
  'Second factor required',
);
export const PendingSignInExpired = defineProblem('auth.sign-in-expired', 401, 'Pending sign-in expired');
export const WrongSecondFactor = defineProblem('auth.wrong-second-factor', 401, 'Second factor refused');
export const WrongCode = defineProblem('auth.wrong-code', 403, 'Wrong code');
export const AppExists = defineProblem('auth.authenticator-app-exists', 409, 'Authenticator app in use');
export const AppNotFound = defineProblem(
  'auth.authenticator-app-not-found',
  404,
  'Authenticator app not found',
);
export const NoSecondFactor = defineProblem('auth.no-second-factor', 409, 'No second factor set up');

/** What a person can show besides the password. */
export const FACTOR_METHODS = ['totp', 'passkey', 'recovery_code'] as const;
const FactorMethod = Type.Union(FACTOR_METHODS.map((method) => Type.Literal(method)));

/** In the problem `auth.second-factor-required`: how its client goes on. */
export const PendingSignIn = Type.Object({
  token: Type.String({ description: 'For POST /auth/second-factor' }),
  methods: Type.Array(FactorMethod),
  expires_in: Type.Integer({ description: 'Seconds' }),
});
export type PendingSignIn = Static<typeof PendingSignIn>;

/** The response to a right password of an account with second factors. */
export const SecondFactorRequiredDocument = Type.Object(
  { code: Type.Literal('auth.second-factor-required'), second_factor: PendingSignIn },
  { additionalProperties: true },
);

const token = () =>
  Type.String({ minLength: 1, maxLength: 256, description: '`second_factor.token` of the problem' });

/** A code of an authenticator app, as apps show it: with a blank in the middle or without. */
const appCode = () =>
  Type.String({ pattern: '^[0-9]{3} ?[0-9]{3}$', error: '6 digits', examples: ['492039'] });

export const PendingRequest = Type.Object({ token: token() });

/** Exactly one of `code`, `recovery_code` and `passkey`; the service rejects anything else. */
export const SecondFactor = Type.Object({
  token: token(),
  code: Type.Optional(appCode()),
  recovery_code: Type.Optional(
    Type.String({ minLength: 16, maxLength: 40, examples: ['8zpk-0h4d-vn2q-c7xw'] }),
  ),
  passkey: Type.Optional(AssertedPasskey),
});
export type SecondFactor = Static<typeof SecondFactor>;

export const AppSetup = Type.Object({
  secret: Type.String({ description: 'Base32, to be typed where the QR code cannot be scanned' }),
  uri: Type.String({ description: '`otpauth://` URI of the authenticator app' }),
  qr_code: Type.String({ description: 'The URI as a QR code: an SVG image' }),
});
export type AppSetup = Static<typeof AppSetup>;

export const AppConfirmation = Type.Object({ code: appCode() });

export const NewRecoveryCodes = Type.Object({
  recovery_codes: Type.Array(Type.String(), {
    description: 'Each signs in once in place of another second factor. They are shown this once',
  }),
});
export type NewRecoveryCodes = Static<typeof NewRecoveryCodes>;

/** Recovery codes come with the first factor. */
export const FactorAdded = Type.Object({
  recovery_codes: nullable(NewRecoveryCodes.properties.recovery_codes),
});
export type FactorAdded = Static<typeof FactorAdded>;

export const SecondFactors = Type.Object({
  totp: nullable(
    Type.Object({ confirmed_at: Type.String({ format: 'date-time' }) }, { description: 'Authenticator app' }),
  ),
  passkeys: Type.Integer({ description: 'How many there are; GET /auth/passkeys lists them' }),
  recovery_codes: Type.Integer({ description: 'How many are left' }),
});
export type SecondFactors = Static<typeof SecondFactors>;
