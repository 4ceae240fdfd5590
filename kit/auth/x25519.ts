import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** The prime of Curve25519 (RFC 7748, section 4.1). */
const P = 2n ** 255n - 19n;
/** DER of an X25519 private key is this and its 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * The X25519 key of an Ed25519 public key: the two curves are the same in other coordinates, u = (1 + y) / (1 - y)
 * (RFC 7748, section 4.1). So a process needs one key to sign, and to receive what is sealed for it.
 */
export function x25519PublicKey(ed25519: KeyObject): KeyObject {
  const { x: encoded = '' } = ed25519.export({ format: 'jwk' });
  // Without the sign of x, the highest bit.
  const y = numberOf(Buffer.from(encoded, 'base64url')) & (2n ** 255n - 1n);
  const u = modulo((1n + y) * inverse(modulo(1n - y)));
  return createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: bytesOf(u).toString('base64url') },
    format: 'jwk',
  });
}

/** The X25519 key of an Ed25519 private key: the first half of the hash of its seed (RFC 8032, section 5.1.5). */
export function x25519PrivateKey(ed25519: KeyObject): KeyObject {
  const { d = '' } = ed25519.export({ format: 'jwk' });
  const scalar = createHash('sha512').update(Buffer.from(d, 'base64url')).digest().subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, scalar]), format: 'der', type: 'pkcs8' });
}

const modulo = (n: bigint) => ((n % P) + P) % P;

/** By Fermat's little theorem. */
function inverse(n: bigint): bigint {
  let result = 1n;
  let base = n;
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = modulo(result * base);
    base = modulo(base * base);
  }
  return result;
}

const numberOf = (littleEndian: Buffer) => BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`);

const bytesOf = (n: bigint) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse();
