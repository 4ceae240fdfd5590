import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A value that lets its holder in: 256 random bits, in base64url. Only its hash is stored. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** SHA-256, in hexadecimal. A fast hash is enough for what nobody can guess. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Compares two hashes in a time that does not tell where they differ. */
export const isSameHash = (left: string, right: string): boolean => {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
};
