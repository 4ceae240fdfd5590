import { createHmac } from 'node:crypto';

/** Below this path an instance proves to the registry that it is the one that registered its address. */
export const PROOF_PATH = '/.well-known/registry/';

/** The path of one challenge. @param challenge URL-safe text */
export const proofPath = (instanceId: string, challenge: string): string =>
  `${PROOF_PATH}${instanceId}?challenge=${challenge}`;

/**
 * The answer to a challenge: its HMAC-SHA256 (RFC 2104) in hexadecimal digits.
 *
 * @param proofKey from the response to the registration; its characters are the key
 */
export const proofOf = (proofKey: string, challenge: string): string =>
  createHmac('sha256', proofKey).update(challenge).digest('hex');

/** Answers a challenge; null for an instance that is not this process. */
export type AnswerChallenge = (instanceId: string, challenge: string) => Promise<string | null>;
