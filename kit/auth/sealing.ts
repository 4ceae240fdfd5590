import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { ServiceIdentity } from '../core/identity';
import { x25519PrivateKey, x25519PublicKey } from './x25519';

/** Encrypts secrets in transit and at rest. */
export interface Sealer {
  /** @returns JWE compact serialisation (RFC 7516), encrypted with A256GCM */
  seal(plain: string): Promise<string>;
  /** @throws when it was not sealed with this key, or was modified */
  open(sealed: string): Promise<string>;
}

/**
 * Encrypts at rest, with a key derived from the process's INTERNAL_SECRET.
 *
 * @param purpose separates the keys derived from one secret (HKDF info, RFC 5869), like `credentials`
 */
export function createSealer(internalSecret: string, purpose: string): Sealer {
  const key = new Uint8Array(hkdfSync('sha256', internalSecret, 'rookery', `seal:${purpose}`, 32));
  return {
    seal: (plain) =>
      new CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(key),
    async open(sealed) {
      const { plaintext } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return new TextDecoder().decode(plaintext);
    },
  };
}

/**
 * Encrypts for one process (ECDH-ES with X25519, RFC 8037): everybody who knows its public key can seal, only it can open.
 *
 * @param identity of this process
 * @param recipient the process that opens it; when it is unknown, sealing throws
 * @param previous opens what was sealed by a version that shared a secret with the recipient
 */
export function createSealerFor(
  identity: ServiceIdentity,
  recipient: string,
  previous?: Pick<Sealer, 'open'>,
): Sealer {
  let publicKey: ReturnType<typeof x25519PublicKey> | undefined;
  let privateKey: ReturnType<typeof x25519PrivateKey> | undefined;
  return {
    async seal(plain) {
      const [key] = identity.publicKeysOf(recipient);
      if (key === undefined) throw new Error(`SERVICE_KEYS has no key of ${recipient}`);
      publicKey ??= x25519PublicKey(key);
      return new CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
        .encrypt(publicKey);
    },
    async open(sealed) {
      if (previous !== undefined && decodeProtectedHeader(sealed).alg === 'dir') return previous.open(sealed);
      privateKey ??= x25519PrivateKey(identity.privateKey);
      const { plaintext } = await compactDecrypt(sealed, privateKey, {
        keyManagementAlgorithms: ['ECDH-ES'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return new TextDecoder().decode(plaintext);
    },
  };
}
