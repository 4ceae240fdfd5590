import { Elysia } from 'elysia';
import { noteCaller } from './platform';
import { Forbidden, Unauthenticated } from './problem';
import type { Caller, TokenVerifier } from './tokens';

/** What the docs and the registry show for a route's access rule. */
const BEARER = [{ bearer: [] }];

const callers = new WeakMap<Request, Caller>();

/**
 * The access rules of routes. Every route names exactly one: `public`, `optionalUser`, `user`, or `permission`.
 * All but the first give the handler `caller`.
 *
 * The check stands in `transform`, which runs before validation: a stranger learns that a token is needed, not what
 * is wrong with a body.
 */
export function access(tokens: TokenVerifier) {
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
    }));
}

/** Read by `routeClaims`, so that the registry and the docs show what is enforced. */
const rule = (name: string): object => ({ 'x-access': name });

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

/** A token that is sent must be good, also where none is needed: silence about a bad one would mislead its sender. */
async function readCaller(request: Request, tokens: TokenVerifier): Promise<void> {
  const header = request.headers.get('authorization');
  if (header === null) return;
  const [scheme, token, ...rest] = header.split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0)
    throw new Unauthenticated({ headers: { 'www-authenticate': 'Bearer error="invalid_request"' } });
  const caller = await tokens.verify(token);
  noteCaller(request, caller.id);
  callers.set(request, caller);
}
