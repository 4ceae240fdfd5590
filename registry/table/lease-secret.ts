import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits that prove that a heartbeat or a deregistration comes from the instance itself. */
export const newLeaseSecret = (): string => randomBytes(32).toString('base64url');

/** Only the hash of a secret is stored. A plain hash suffices: 256 random bits cannot be guessed. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/**
 * The key under which an instance proves its address. Derived from the hash, so that any replica can verify a proof: who
 * knows it can answer for an address, but renew or end no lease.
 */
export const proofKeyOf = (hash: Buffer): string => hash.toString('base64url');

/** Compares in constant time, whatever the length of the presented secret. */
export const isSecret = (presented: string, hash: Buffer): boolean =>
  timingSafeEqual(hashSecret(presented), hash);
