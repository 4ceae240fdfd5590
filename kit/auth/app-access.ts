import { defineProblem, Unauthenticated } from '../errors/problem';
import { BEARER_CHALLENGE } from './bearer';
import type { Caller } from './caller';
import { coversScope, type Scope } from './scopes';

/** The app of a token may not do this, whatever its user may. */
export const InsufficientScope = defineProblem('auth.insufficient-scope', 403, 'Insufficient scope');

/**
 * Whom a token admits: a person, as themselves or through an app that holds the needed scope; null for an app that acts for
 * nobody (`client_credentials`), which is like a stranger then.
 *
 * @param scope what an app needs here; undefined where apps are never admitted
 * @throws InsufficientScope with a challenge (RFC 6750, section 3)
 */
export function admittedPerson(caller: Caller, scope: Scope | undefined): Caller | null {
  const { app } = caller;
  if (app === undefined) return caller;
  if (scope === undefined || !coversScope(app.scopes, scope)) throw insufficientScope(scope);
  return app.id === caller.id ? null : caller;
}

/**
 * Like `admittedPerson`, where a person is needed.
 *
 * @throws Unauthenticated for an app that acts for nobody
 */
export function requiredPerson(caller: Caller, scope: Scope | undefined): Caller {
  const person = admittedPerson(caller, scope);
  if (person === null)
    throw new Unauthenticated({
      detail: 'The access token belongs to an app alone. Use one that a person has allowed.',
      headers: BEARER_CHALLENGE,
    });
  return person;
}

function insufficientScope(scope: Scope | undefined) {
  const needed = scope === undefined ? '' : `, scope="${scope}"`;
  return new InsufficientScope({
    detail:
      scope === undefined
        ? 'No app may do this. Its user can, after signing in.'
        : `The app needs the scope ${scope}. Ask the user for it.`,
    headers: { 'www-authenticate': `Bearer error="insufficient_scope"${needed}` },
  });
}
