import type { AuthDeps } from '../../deps';
import { hashOf } from '../../secrets';
import { endSession } from '../../sessions/service';
import { openAppSession } from '../app-sessions';
import { OAuthError } from '../errors';
import { verifies } from '../pkce';
import { type CodeRow, findCode, useCode } from '../store';
import { type Exchange, type GrantRequest, required } from './request';

/** The same for every reason, so that nobody learns what a code that is not theirs is good for. */
const invalidCode = () =>
  new OAuthError('invalid_grant', 'The code is unknown, expired or used, or not for this request.');

/**
 * Exchanges a code for the tokens of a new session (RFC 6749, 4.1.3). A second use ends that session: one of the two had no right
 * to it (RFC 9700, section 4.5).
 */
export const exchangeCode: Exchange = async (deps, request) => {
  const { app, form, client } = request;
  const hash = hashOf(required(form.code, 'code'));
  const code = await findCode(deps.database, hash);
  if (code === undefined || code.appId !== app.id || code.expiresAt.getTime() <= deps.now())
    throw invalidCode();
  if (code.sessionId !== null) return refuseReplay(deps, code);
  requireSameRequest(code, request);
  const { userId, scopes, signedInAt, methods, nonce } = code;
  const grant = { app, userId, scopes, signedInAt, methods, nonce, client };
  try {
    return await openAppSession(deps, grant, async (transaction, sessionId) => {
      if (!(await useCode(transaction, hash, sessionId))) throw new CodeUsed();
    });
  } catch (failure) {
    if (!(failure instanceof CodeUsed)) throw failure;
    // Meanwhile; or withdrawn, and then there is none any more.
    return refuseReplay(deps, await findCode(deps.database, hash));
  }
};

class CodeUsed extends Error {}

/** What the code was asked for with: where it was sent, and by whom. */
function requireSameRequest(code: CodeRow, { form }: GrantRequest): void {
  // OAuth 2.1 has no such parameter here: PKCE shows that it is the same client. Without PKCE it must be there.
  const isSameUri =
    form.redirect_uri === undefined ? code.codeChallenge !== null : form.redirect_uri === code.redirectUri;
  if (!isSameUri || !verifies(code.codeChallenge, form.code_verifier)) throw invalidCode();
}

async function refuseReplay(deps: AuthDeps, code: CodeRow | undefined): Promise<never> {
  if (code !== undefined && code.sessionId !== null)
    await endSession(deps, { id: code.sessionId, userId: code.userId });
  throw invalidCode();
}
