import { Elysia } from 'elysia';
import { BEARER_CHALLENGE, bearerTokenIn } from '../auth/bearer';
import type { Caller } from '../auth/caller';
import type { TokenVerifier } from '../auth/tokens';
import { Forbidden, Unauthenticated } from '../errors/problem';
import { exchangeOf, throwRefusal } from './exchange';
import { ACCESS_EXTENSION } from './gateway-options';
import {
  hasPassword,
  RECENT_SIGN_IN_EXTENSION,
  type RecentSignIn,
  requireRecentSignIn,
} from './recent-sign-in';

type VerifyService = (token: string | undefined) => Promise<string>;

/**
 * The access rules of routes. Every route has exactly one: `public`, `optionalUser`, `user`, `permission`, or `service`
 * for internal callers over HTTP, whose names it lists. `optionalUser`, `user` and `permission` give the handler `caller`; `service` gives it
 * `callingService`.
 *
 * `recentSignIn` comes on top of `user` or `permission`. What operators change requires one in production, whether the
 * route says so or not.
 *
 * The check runs in `transform`, before validation: an anonymous client learns that a token is required, not what is wrong
 * with its body.
 *
 * @param verifyService from `createServiceTokenVerifier`, for apps with the rule `service`
 */
export function access(tokens: TokenVerifier, verifyService?: VerifyService) {
  return new Elysia({ name: 'access' })
    .macro('public', { detail: rule('public'), transform: ({ request }) => throwRefusal(request) })
    .macro('optionalUser', {
      detail: rule('optional'),
      transform: ({ request }) => admitted(request, readCaller(request, tokens)),
      resolve: ({ request }) => ({ caller: exchangeOf(request).caller ?? null }),
    })
    .macro('user', {
      detail: rule('user'),
      transform: ({ request }) => admitted(request, requireUser(request, tokens)),
      resolve: ({ request }) => ({ caller: authenticatedCaller(request) }),
    })
    .macro('permission', (name: string) => ({
      detail: rule(name),
      transform: ({ request }) => admitted(request, requirePermission(request, name, tokens)),
      resolve: ({ request }) => ({ caller: authenticatedCaller(request) }),
    }))
    .macro('service', (callers: readonly string[]) => ({
      detail: rule('service'),
      transform: ({ request }) => admitted(request, requireService(request, callers, verifyService)),
      resolve: ({ request }) => ({ callingService: exchangeOf(request).callingService ?? '' }),
    }))
    .macro('recentSignIn', (accepted: RecentSignIn) => ({
      detail: { [RECENT_SIGN_IN_EXTENSION]: accepted },
      async transform({ body, request }) {
        await requireUser(request, tokens);
        if (accepted === true || !hasPassword(body))
          requireRecentSignIn(authenticatedCaller(request), accepted);
      },
    }));
}

/** RFC 9110, section 9.2.1. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Read by `routeClaims` and `describeApp`, so that the registry and the documentation show the enforced rule. */
const rule = (name: string): object => ({ [ACCESS_EXTENSION]: name });

/** What is wrong with a request is nothing to a client without access. */
const admitted = (request: Request, check: Check): Check => then(check, () => throwRefusal(request));

/** Undefined when it is done already: tokens are verified once, and known at once from then on. */
type Check = Promise<void> | undefined;

function then(check: Check, next: () => void): Check {
  if (check !== undefined) return check.then(next);
  next();
  return undefined;
}

function authenticatedCaller(request: Request): Caller {
  const { caller } = exchangeOf(request);
  if (caller === undefined) throw new Unauthenticated({ headers: BEARER_CHALLENGE });
  return caller;
}

const requireUser = (request: Request, tokens: TokenVerifier): Check =>
  then(readCaller(request, tokens), () => void authenticatedCaller(request));

const requirePermission = (request: Request, permission: string, tokens: TokenVerifier): Check =>
  then(readCaller(request, tokens), () => {
    const caller = authenticatedCaller(request);
    if (!caller.permissions.includes(permission))
      throw new Forbidden({ detail: `The permission ${permission} is required.` });
    if (tokens.operatorsSignInAgain && !READS.has(request.method)) requireRecentSignIn(caller, true);
  });

async function requireService(
  request: Request,
  callers: readonly string[],
  verifyService: VerifyService | undefined,
): Promise<void> {
  if (verifyService === undefined)
    throw new Error('The access rule "service" requires a verifier of service tokens');
  const token = bearerTokenIn(request.headers.get('authorization')) ?? undefined;
  const caller = await verifyService(token);
  if (!callers.includes(caller)) throw new Forbidden({ detail: `${caller} may not call this route.` });
  exchangeOf(request).callingService = caller;
}

/** An invalid token is rejected even where none is required: ignoring it would mislead the client. */
function readCaller(request: Request, tokens: TokenVerifier): Check {
  const token = bearerTokenIn(request.headers.get('authorization'));
  if (token === null) return undefined;
  const exchange = exchangeOf(request);
  const known = tokens.verified(token);
  if (known === undefined)
    return tokens.verify(token).then((caller) => {
      exchange.caller = caller;
    });
  exchange.caller = known;
  return undefined;
}
