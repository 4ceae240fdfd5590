import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits: what proves that a heartbeat or a deregistration comes from the instance itself. */
export const newLeaseSecret = (): string => randomBytes(32).toString('base64url');

/** What is kept of a secret. A plain hash is enough for 256 random bits: there is nothing to guess. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares in constant time, whatever the length of what was presented. */
export const isSecret = (presented: string, hash: Buffer): boolean =>
  timingSafeEqual(hashSecret(presented), hash);
