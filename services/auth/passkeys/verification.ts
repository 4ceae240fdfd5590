import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { ProblemClass } from '#kit/errors/problem';
import type { AuthDeps } from '../deps';
import { type Occasion, takeChallenge } from './challenges';
import { type AssertedPasskey, type CreatedPasskey, PasskeyInvalid, PasskeyRefused } from './model';
import { relyingPartyOf } from './relying-party';
import type { PasskeyRow } from './store';

type VerificationDeps = Pick<AuthDeps, 'database' | 'now' | 'publicUrl'>;

/** COSE algorithms: EdDSA, ES256, and RS256 for TPMs. */
export const ALGORITHMS = [-8, -7, -257] as const;
/** WebAuthn, 5.8.4. */
const TRANSPORTS = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'] as const;
type Transport = (typeof TRANSPORTS)[number];

const isTransport = (name: string): name is Transport => TRANSPORTS.some((known) => known === name);

/** Loaded when it is first needed: it takes 25 MB, which a process without passkeys does without. */
const library = () => import('@simplewebauthn/server');

/** A passkey as its authenticator has made it. */
type VerifiedPasskey = Pick<PasskeyRow, 'credentialId' | 'publicKey' | 'counter' | 'transports' | 'backedUp'>;

/**
 * Verifies the registration of a passkey (WebAuthn, 7.1).
 *
 * @throws PasskeyInvalid
 */
export async function verifyRegistration(
  deps: VerificationDeps,
  created: CreatedPasskey,
  occasion: Occasion,
): Promise<VerifiedPasskey> {
  const challenge = await answeredChallenge(deps, created.response.clientDataJSON, occasion);
  if (challenge === undefined) throw new PasskeyInvalid({ detail: 'Ask for new options, and try again.' });
  const { id, origin } = relyingPartyOf(deps.publicUrl);
  const { verifyRegistrationResponse } = await library();
  const { registrationInfo } = await orElse(PasskeyInvalid, async () => {
    await requireNoCertificates(created.response.attestationObject);
    return verifyRegistrationResponse({
      response: { ...jsonOf(created), response: { ...created.response, transports: [] } },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: id,
      supportedAlgorithmIDs: [...ALGORITHMS],
      requireUserVerification: true,
    });
  });
  if (registrationInfo === undefined) throw new PasskeyInvalid();
  const { credential, credentialBackedUp } = registrationInfo;
  return {
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    transports: (created.response.transports ?? []).filter(isTransport),
    backedUp: credentialBackedUp,
  };
}

/**
 * Verifies an answer of a registered passkey (WebAuthn, 7.2). A counter that has not gone up, where the authenticator counts,
 * means that there is a copy of it: the answer is refused.
 *
 * @throws PasskeyRefused
 */
export async function verifyAssertion(
  deps: VerificationDeps,
  asserted: AssertedPasskey,
  { passkey, occasion }: { passkey: PasskeyRow; occasion: Occasion },
): Promise<Pick<PasskeyRow, 'counter' | 'backedUp'>> {
  const { userHandle, ...response } = asserted.response;
  const challenge = await answeredChallenge(deps, response.clientDataJSON, occasion);
  if (challenge === undefined) throw new PasskeyRefused();
  const { id, origin } = relyingPartyOf(deps.publicUrl);
  const { verifyAuthenticationResponse } = await library();
  const { verified, authenticationInfo } = await orElse(PasskeyRefused, () =>
    verifyAuthenticationResponse({
      response: { ...jsonOf(asserted), response },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: id,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        counter: passkey.counter,
      },
      requireUserVerification: occasion.purpose === 'sign-in',
    }),
  );
  if (!verified) throw new PasskeyRefused();
  return { counter: authenticationInfo.newCounter, backedUp: authenticationInfo.credentialBackedUp };
}

const jsonOf = ({ id, rawId, type }: CreatedPasskey | AssertedPasskey) => ({
  id,
  rawId,
  type,
  clientExtensionResults: {},
});

const ClientData = Type.Object({ challenge: Type.String(), crossOrigin: Type.Optional(Type.Boolean()) });
type ClientData = Static<typeof ClientData>;

/** The challenge that was answered, which is used up by it; undefined if it is none of this occasion. */
async function answeredChallenge(
  deps: VerificationDeps,
  clientDataJSON: string,
  occasion: Occasion,
): Promise<string | undefined> {
  const data = clientDataIn(clientDataJSON);
  // No page of others frames one of ours.
  if (data === undefined || data.crossOrigin === true) return undefined;
  return (await takeChallenge(deps, data.challenge, occasion)) ? data.challenge : undefined;
}

function clientDataIn(base64url: string): ClientData | undefined {
  try {
    const data: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString());
    return Value.Check(ClientData, data) ? data : undefined;
  } catch {
    // Not JSON: refused as any other wrong answer.
    return undefined;
  }
}

/**
 * No attestation was asked for, so that what comes is none, or one that the passkey has signed itself (WebAuthn, 5.1.3). Others
 * bring certificates of their own choice, which nothing here ought to follow.
 */
async function requireNoCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers');
  const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')));
  const format = decoded.get('fmt');
  const isOwn = format === 'packed' && decoded.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !isOwn)
    throw new Error(`An attestation of the format ${format} was not asked for`);
}

/** The library throws on whatever is wrong with an answer. */
async function orElse<Result>(Refusal: ProblemClass, verify: () => Promise<Result>): Promise<Result> {
  try {
    return await verify();
  } catch (failure) {
    throw new Refusal({ cause: failure });
  }
}
