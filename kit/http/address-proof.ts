import { uuidv7 } from '../core/ids';
import { problemResponse, RouteNotFound } from '../errors/problem';
import { type AnswerChallenge, PROOF_PATH } from '../registry/address-proof';

/** Longer challenges are not the registry's. */
const MAX_CHALLENGE_LENGTH = 200;

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
