import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D, section 8.2. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** JSON cannot begin like this: responses stored by an earlier version are plain JSON. */
const SEALED = 'sealed:';

/**
 * The key under which a response is stored (HKDF, RFC 5869).
 *
 * @param identity of the request; only its hash is stored, so nobody can derive the key from the database
 */
export const responseKey = (identity: string): Buffer =>
  Buffer.from(hkdfSync('sha256', identity, '', 'rookery idempotent response', KEY_BYTES));

/** @returns text that `openResponse` reads with the same key */
export function sealResponse(key: Buffer, json: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce);
  const encrypted = [cipher.update(json, 'utf8'), cipher.final()];
  return SEALED + Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted]).toString('base64');
}

/** @throws when it was sealed with another key, or was modified */
export function openResponse(key: Buffer, stored: string): string {
  if (!stored.startsWith(SEALED)) return stored;
  const bytes = Buffer.from(stored.slice(SEALED.length), 'base64');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const encrypted = bytes.subarray(NONCE_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]).toString('utf8');
}
