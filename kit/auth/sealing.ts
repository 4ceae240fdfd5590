import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** Keeps a secret readable only to who holds INTERNAL_SECRET while it travels or waits in a table. */
export interface Sealer {
  /** @returns JWE compact serialisation (RFC 7516), direct encryption with A256GCM */
  seal(plain: string): Promise<string>;
  /** @throws when it was not sealed with this secret for this purpose */
  open(sealed: string): Promise<string>;
}

/**
 * @param purpose parts keys of one secret from each other (HKDF info, RFC 5869), like `credentials`
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
