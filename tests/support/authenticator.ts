import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** What a page hands to its browser to create a passkey, as far as an authenticator reads it. */
interface Creation {
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
  readonly challenge: string;
}

interface Request {
  readonly rpId: string;
  readonly challenge: string;
}

/** What an answer differs in from that of an honest browser and authenticator. */
export interface Deviation {
  readonly origin?: string;
  readonly rpId?: string;
  readonly crossOrigin?: boolean;
  readonly userVerified?: boolean;
  /** In place of what the authenticator has counted. */
  readonly counter?: number;
  readonly userHandle?: string;
}

const FLAGS = { present: 0x01, verified: 0x04, backupEligible: 0x08, backedUp: 0x10, attested: 0x40 };

/**
 * An authenticator of WebAuthn in software, together with its browser: it creates one passkey without attestation, and
 * answers challenges with it.
 *
 * @param origin of the page that the browser shows
 * @param options.counts whether it counts its signatures, as security keys do; passkeys that are synced do not
 */
export function softwareAuthenticator(
  origin: string,
  options: { algorithm?: 'ES256' | 'EdDSA'; counts?: boolean; synced?: boolean } = {},
) {
  const { algorithm = 'ES256', counts = false, synced = false } = options;
  const { publicKey, privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  const credentialId = randomBytes(32);
  let counter = 0;
  let userHandle = '';

  function authenticatorData(rpId: string, deviation: Deviation, attested?: Buffer): Buffer {
    if (counts) counter++;
    const flags =
      FLAGS.present |
      (deviation.userVerified === false ? 0 : FLAGS.verified) |
      (synced ? FLAGS.backupEligible | FLAGS.backedUp : 0) |
      (attested === undefined ? 0 : FLAGS.attested);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(deviation.counter ?? counter);
    return Buffer.concat([
      sha256(deviation.rpId ?? rpId),
      Buffer.from([flags]),
      count,
      attested ?? Buffer.alloc(0),
    ]);
  }

  const clientData = (type: string, challenge: string, deviation: Deviation) =>
    Buffer.from(
      JSON.stringify({
        type,
        challenge,
        origin: deviation.origin ?? origin,
        crossOrigin: deviation.crossOrigin ?? false,
      }),
    );

  const credential = <Response extends object>(response: Response) => ({
    id: credentialId.toString('base64url'),
    rawId: credentialId.toString('base64url'),
    type: 'public-key',
    clientExtensionResults: {},
    authenticatorAttachment: 'platform',
    response,
  });

  return {
    create({ rp, user, challenge }: Creation, deviation: Deviation = {}) {
      userHandle = user.id;
      const attested = Buffer.concat([
        Buffer.alloc(16),
        Buffer.from([0, credentialId.length]),
        credentialId,
        coseKey(publicKey, algorithm),
      ]);
      const data = authenticatorData(rp.id, deviation, attested);
      const attestation = cborMap([
        [cborText('fmt'), cborText('none')],
        [cborText('attStmt'), cborMap([])],
        [cborText('authData'), cborBytes(data)],
      ]);
      return credential({
        clientDataJSON: clientData('webauthn.create', challenge, deviation).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal', 'of-the-future'],
      });
    },
    get({ rpId, challenge }: Request, deviation: Deviation = {}) {
      const data = authenticatorData(rpId, deviation);
      const client = clientData('webauthn.get', challenge, deviation);
      const signed = Buffer.concat([data, sha256(client)]);
      const signature = sign(algorithm === 'ES256' ? 'sha256' : null, signed, privateKey);
      return credential({
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: signature.toString('base64url'),
        userHandle: deviation.userHandle ?? userHandle,
      });
    },
  };
}

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest();

/** RFC 9053, sections 7.1 and 7.2. */
function coseKey(key: KeyObject, algorithm: 'ES256' | 'EdDSA'): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const [kty, alg, crv] = algorithm === 'ES256' ? [2, -7, 1] : [1, -8, 6];
  return cborMap([
    [cborInteger(1), cborInteger(kty)],
    [cborInteger(3), cborInteger(alg)],
    [cborInteger(-1), cborInteger(crv)],
    [cborInteger(-2), cborBytes(Buffer.from(x, 'base64url'))],
    ...(algorithm === 'ES256' ? [[cborInteger(-3), cborBytes(Buffer.from(y, 'base64url'))] as const] : []),
  ]);
}

/** The few forms of CBOR (RFC 8949) that authenticators need. */
function cborHead(major: number, length: number): Buffer {
  const type = major << 5;
  if (length < 24) return Buffer.from([type | length]);
  if (length < 256) return Buffer.from([type | 24, length]);
  return Buffer.from([type | 25, length >> 8, length & 0xff]);
}

const cborInteger = (value: number): Buffer => (value < 0 ? cborHead(1, -1 - value) : cborHead(0, value));
const cborBytes = (bytes: Uint8Array): Buffer => Buffer.concat([cborHead(2, bytes.length), bytes]);
const cborText = (text: string): Buffer => Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
const cborMap = (members: readonly (readonly [Buffer, Buffer])[]): Buffer =>
  Buffer.concat([cborHead(5, members.length), ...members.flat()]);
