import { Elysia } from 'elysia';
import { bearerTokenIn } from '../auth/bearer';
import type { Caller } from '../auth/caller';
import type { TokenVerifier } from '../auth/tokens';
import { Forbidden, Unauthenticated } from '../errors/problem';
import { ACCESS_EXTENSION } from './gateway-options';
import { recordCaller } from './requests';

/** What the docs and the registry show for a route's access rule. */
const BEARER = [{ bearer: [] }];

const callers = new WeakMap<Request, Caller>();
const services = new WeakMap<Request, string>();

type VerifyService = (token: string | undefined) => Promise<string>;

/**
 * The access rules of routes. Every route names exactly one: `public`, `optionalUser`, `user`, `permission`, or
 * `service`, for what other processes of the house ask over HTTP. All but the first and the last give the handler
 * `caller`; the last gives it `callingService`.
 *
 * The check stands in `transform`, which runs before validation: a stranger learns that a token is needed, not what
 * is wrong with a body.
 *
 * @param verifyService of `createServiceTokenVerifier`, where routes name `service`
 */
export function access(tokens: TokenVerifier, verifyService?: VerifyService) {
  return new Elysia({ name: 'access' })
    .macro('public', { detail: rule('public') })
    .macro('optionalUser', {
      detail: { ...rule('optional'), security: [{}, ...BEARER] },
      transform: ({ request }) => readCaller(request, tokens),
      resolve: ({ request }) => ({ caller: callers.get(request) ?? null }),
    })
    .macro('user', {
      detail: { ...rule('user'), security: BEARER },
      transform: ({ request }) => mustBeSignedIn(request, tokens),
      resolve: ({ request }) => ({ caller: knownCaller(request) }),
    })
    .macro('permission', (name: string) => ({
      detail: { ...rule(name), security: BEARER },
      transform: ({ request }) => mustHold(request, name, tokens),
      resolve: ({ request }) => ({ caller: knownCaller(request) }),
    }))
    .macro('service', {
      detail: { ...rule('service'), security: BEARER },
      transform: ({ request }) => mustBeService(request, verifyService),
      resolve: ({ request }) => ({ callingService: services.get(request) ?? '' }),
    });
}

/** Read by `routeClaims`, so that the registry and the docs show what is enforced. */
const rule = (name: string): object => ({ [ACCESS_EXTENSION]: name });

function knownCaller(request: Request): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer' } });
  return caller;
}

async function mustBeSignedIn(request: Request, tokens: TokenVerifier): Promise<void> {
  await readCaller(request, tokens);
  knownCaller(request);
}

async function mustHold(request: Request, permission: string, tokens: TokenVerifier): Promise<void> {
  await mustBeSignedIn(request, tokens);
  if (!knownCaller(request).permissions.includes(permission))
    throw new Forbidden({ detail: `The permission ${permission} is needed.` });
}

async function mustBeService(request: Request, verifyService: VerifyService | undefined): Promise<void> {
  if (verifyService === undefined)
    throw new Error('A route is for services, and its app was made without a check of their tokens');
  services.set(
    request,
    await verifyService(bearerTokenIn(request.headers.get('authorization')) ?? undefined),
  );
}

/** A token that is sent must be good, also where none is needed: silence about a bad one would mislead its sender. */
async function readCaller(request: Request, tokens: TokenVerifier): Promise<void> {
  const token = bearerTokenIn(request.headers.get('authorization'));
  if (token === null) return;
  const caller = await tokens.verify(token);
  recordCaller(request, caller.id);
  callers.set(request, caller);
}
