import { inTransaction } from '#kit/mysql/database';
import { allowApp, hasAllowed } from '../../apps/consents';
import { isClaimed } from '../../apps/redirect-uris';
import type { AuthDeps } from '../../deps';
import type { BrowserSession } from '../../pages/browser-sessions';
import { seeOther, signInPath } from '../../pages/next';
import type { Visitor } from '../../pages/visitor';
import { hashOf, newSecret } from '../../secrets';
import { insertCode } from '../store';
import { consentPage } from './consent-page';
import { withQuery } from './parameters';
import {
  type AuthorizationRequest,
  type Parameters,
  RefusedRequest,
  readAuthorizationRequest,
  SIGNED_IN_AFTER,
  UnusableRequest,
} from './request';
import { sendCode, sendError, unusablePage } from './response';

export const AUTHORIZE_PATH = '/oauth/authorize';
export const CONSENT_PATH = '/oauth/consent';
/** RFC 6749, 4.1.2: at most ten minutes. Long enough to copy one by hand. */
const CODE_MS = 5 * 60_000;

/** Answers an authorization request: with a code, an error, or the page on which the person decides or signs in first. */
export const authorize = (deps: AuthDeps, visitor: Visitor, parameters: Parameters): Promise<Response> =>
  answering(deps, async () => {
    const request = await readAuthorizationRequest(deps, parameters);
    const { prompts } = request;
    const signedIn = visitor.session;
    if (signedIn === null || !isFresh(deps, signedIn, request)) {
      if (prompts.has('none')) throw new RefusedRequest(request, 'login_required', 'Nobody is signed in.');
      return seeOther(signInFirst(deps, visitor, { request, parameters }));
    }
    const isAsked = prompts.has('consent') || !(await isAllowed(deps, signedIn, request));
    if (!isAsked) return issueCode(deps, signedIn, request);
    if (prompts.has('none')) throw new RefusedRequest(request, 'consent_required', 'The person must decide.');
    return consentPage(visitor, signedIn, { request, action: withQuery(CONSENT_PATH, parameters) });
  });

/** Answers what a person has decided about an authorization request. */
export const decide = (
  deps: AuthDeps,
  visitor: Visitor,
  { parameters, decision }: { parameters: Parameters; decision: 'allow' | 'deny' },
): Promise<Response> =>
  answering(deps, async () => {
    const request = await readAuthorizationRequest(deps, parameters);
    if (decision === 'deny') throw new RefusedRequest(request, 'access_denied', 'The person has refused.');
    const signedIn = visitor.session;
    // Signed out meanwhile, on another page.
    if (signedIn === null || !isFresh(deps, signedIn, request))
      return seeOther(withQuery(AUTHORIZE_PATH, parameters));
    return issueCode(deps, signedIn, request);
  });

async function answering(deps: AuthDeps, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (failure) {
    if (failure instanceof UnusableRequest) return unusablePage(failure);
    if (failure instanceof RefusedRequest) return sendError(deps, failure);
    throw failure;
  }
}

/** Whether the sign-in is as recent as the app asks for. */
function isFresh(
  deps: Pick<AuthDeps, 'now'>,
  { session }: BrowserSession,
  { prompts, maxAge, signedInAfter }: AuthorizationRequest,
): boolean {
  if (prompts.has('login') || prompts.has('select_account')) return false;
  const signedInAt = session.createdAt.getTime();
  if (signedInAfter !== undefined && signedInAt < signedInAfter) return false;
  return maxAge === undefined || deps.now() - signedInAt <= maxAge * 1000;
}

/** The sign-in page, which comes back here. Another sign-in is then not asked for again: the new one must be later than now. */
function signInFirst(
  deps: Pick<AuthDeps, 'now'>,
  visitor: Visitor,
  { request, parameters }: { request: AuthorizationRequest; parameters: Parameters },
): string {
  const prompts = [...request.prompts].filter((prompt) => prompt !== 'login' && prompt !== 'select_account');
  const isAgain = visitor.session !== null || prompts.length < request.prompts.size;
  const next = {
    ...parameters,
    prompt: prompts.length === 0 ? undefined : prompts.join(' '),
    ...(prompts.length < request.prompts.size && { [SIGNED_IN_AFTER]: String(deps.now()) }),
  };
  const { loginHint } = request;
  return signInPath(withQuery(AUTHORIZE_PATH, next), { again: isAgain, loginHint });
}

/** Anybody can listen on this machine or take a scheme: there consent is for the app that has a secret (RFC 8252, section 8.6). */
const isAllowed = async (deps: AuthDeps, { userId }: BrowserSession, request: AuthorizationRequest) => {
  const { app, redirectUri, scopes } = request;
  const isKnownApp = app.secretHash !== null || isClaimed(redirectUri);
  return isKnownApp && (await hasAllowed(deps, userId, { appId: app.id, scopes }));
};

async function issueCode(
  deps: AuthDeps,
  { userId, session }: BrowserSession,
  request: AuthorizationRequest,
): Promise<Response> {
  const { app, redirectUri, scopes, codeChallenge, nonce } = request;
  const code = newSecret();
  const now = new Date(deps.now());
  await inTransaction(deps.database, async (transaction) => {
    await allowApp(transaction, { userId, appId: app.id, scopes, now });
    await insertCode(transaction, {
      hash: hashOf(code),
      appId: app.id,
      userId,
      redirectUri,
      scopes: [...scopes],
      codeChallenge,
      nonce,
      signedInAt: session.createdAt,
      methods: session.methods ?? [],
      expiresAt: new Date(now.getTime() + CODE_MS),
      sessionId: null,
    });
  });
  return sendCode(deps, request, code);
}
