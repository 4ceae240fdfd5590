import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** Encrypts secrets in transit and at rest with a key derived from INTERNAL_SECRET. */
export interface Sealer {
  /** @returns JWE compact serialisation (RFC 7516), direct encryption with A256GCM */
  seal(plain: string): Promise<string>;
  /** @throws when it was not sealed with this secret and purpose, or was modified */
  open(sealed: string): Promise<string>;
}

/**
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
