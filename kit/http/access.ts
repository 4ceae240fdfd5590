import { Elysia } from 'elysia';
import { admittedPerson } from '../auth/app-access';
import { BEARER_CHALLENGE, bearerTokenIn } from '../auth/bearer';
import type { Caller } from '../auth/caller';
import { requirePermission } from '../auth/operators';
import { isScope, type Scope } from '../auth/scopes';
import type { TokenVerifier } from '../auth/tokens';
import { Forbidden, Unauthenticated } from '../errors/problem';
import { type Exchange, exchangeOf, throwRefusal } from './exchange';
import { ACCESS_EXTENSION, SCOPE_EXTENSION } from './gateway-options';
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
 * `scope` comes on top of `user` or `optionalUser`: what an app needs that acts for a user. A route without it refuses
 * every app (`kit/auth/app-access`).
 *
 * `recentSignIn` comes on top of `user` or `permission`, and admits no app. What operators change requires one in
 * production, whether the route says so or not; and where operators need a second factor, so does every `permission`.
 *
 * The check runs in `transform`, before validation: an anonymous client learns that a token is required, not what is wrong
 * with its body.
 *
 * @param verifyService from `createServiceTokenVerifier`, for apps with the rule `service`
 */
export function access(tokens: TokenVerifier, verifyService?: VerifyService) {
  return new Elysia({ name: 'access' })
    .macro('public', { detail: rule('public'), transform: ({ request }) => throwRefusal(request) })
    .macro('optionalUser', (_: true) => {
      const route = routeOptions();
      return {
        detail: rule('optional'),
        introspect: route.remember,
        transform: ({ request }) => admitted(request, readCaller(request, tokens, route)),
        resolve: ({ request }) => ({ caller: exchangeOf(request).caller ?? null }),
      };
    })
    .macro('user', (_: true) => {
      const route = routeOptions();
      return {
        detail: rule('user'),
        introspect: route.remember,
        transform: ({ request }) => admitted(request, requireUser(request, tokens, route)),
        resolve: ({ request }) => ({ caller: authenticatedCaller(request) }),
      };
    })
    .macro('permission', (name: string) => ({
      detail: rule(name),
      transform: ({ request }) => admitted(request, requireOperator(request, name, tokens)),
      resolve: ({ request }) => ({ caller: authenticatedCaller(request) }),
    }))
    .macro('service', (callers: readonly string[]) => ({
      detail: rule('service'),
      transform: ({ request }) => admitted(request, requireService(request, callers, verifyService)),
      resolve: ({ request }) => ({ callingService: exchangeOf(request).callingService ?? '' }),
    }))
    .macro('scope', (name: Scope) => ({ detail: extension(SCOPE_EXTENSION, name) }))
    .macro('recentSignIn', (accepted: RecentSignIn) => ({
      detail: extension(RECENT_SIGN_IN_EXTENSION, accepted),
      async transform({ body, request }) {
        await requireUser(request, tokens, NO_APPS);
        if (accepted === true || !hasPassword(body))
          requireRecentSignIn(authenticatedCaller(request), accepted);
      },
    }));
}

/** What the access rule of a route asks its other options for. */
interface RouteOptions {
  /** What an app needs. */
  readonly scope: Scope | undefined;
}

const NO_APPS: RouteOptions = { scope: undefined };

/** The options of the route that a rule is part of: they are complete once the route is defined, whatever their order. */
function routeOptions() {
  let options: { detail?: object } = {};
  return {
    remember(route: object) {
      options = route;
    },
    get scope(): Scope | undefined {
      const name: unknown = Reflect.get(options.detail ?? {}, SCOPE_EXTENSION);
      return typeof name === 'string' && isScope(name) ? name : undefined;
    },
  };
}

/** RFC 9110, section 9.2.1. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Read by `routeClaims` and `describeApp`, so that the registry and the documentation show the enforced rule. */
const rule = (name: string): object => extension(ACCESS_EXTENSION, name);

/** Of this type, because Elysia checks no option whose macro returns the names. */
const extension = (name: string, value: unknown): object => ({ [name]: value });

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

const requireUser = (request: Request, tokens: TokenVerifier, route: RouteOptions): Check =>
  then(readCaller(request, tokens, route), () => void authenticatedCaller(request));

const requireOperator = (request: Request, permission: string, tokens: TokenVerifier): Check =>
  then(readCaller(request, tokens, NO_APPS), () => {
    const caller = authenticatedCaller(request);
    requirePermission(caller, permission);
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
function readCaller(request: Request, tokens: TokenVerifier, route: RouteOptions): Check {
  const token = bearerTokenIn(request.headers.get('authorization'));
  if (token === null) return undefined;
  const exchange = exchangeOf(request);
  const known = tokens.identified(token);
  if (known === undefined)
    return tokens.identify(token).then((caller) => {
      admit(exchange, caller, route);
    });
  admit(exchange, known, route);
  return undefined;
}

/** Nearly everybody acts for themselves. */
function admit(exchange: Exchange, caller: Caller, route: RouteOptions): void {
  if (caller.app === undefined) exchange.caller = caller;
  else exchange.caller = admittedPerson(caller, route.scope) ?? undefined;
}
