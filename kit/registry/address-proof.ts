import { createHmac } from 'node:crypto';
import { uuidv7 } from '../core/ids';
import { problemResponse, RouteNotFound } from '../errors/problem';

/** Below this path an instance proves to the registry that it is the one that registered its address. */
export const PROOF_PATH = '/.well-known/registry/';

/** Longer challenges are not the registry's. */
const MAX_CHALLENGE_LENGTH = 200;

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

/**
 * Answers the registry's challenge to the address of this process: the proof as text, or 404 for an instance that is not
 * this process.
 */
export async function proofResponse(request: Request, answer: AnswerChallenge): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const challenge = searchParams.get('challenge') ?? '';
  const isChallenge =
    request.method === 'GET' && challenge !== '' && challenge.length <= MAX_CHALLENGE_LENGTH;
  const proof = isChallenge ? await answer(pathname.slice(PROOF_PATH.length), challenge) : null;
  if (proof === null) return problemResponse(new RouteNotFound(), { path: pathname, requestId: uuidv7() });
  return new Response(proof, { headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' } });
}
