import { Type } from '@sinclair/typebox';
import { Problem } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { emailAddress, newUsername } from '#kit/text/fields';
import type { AuthDeps } from '../deps';
import { browserIdOf } from '../pages/browser-sessions';
import { enter, goOn } from '../pages/entering';
import { failureOf, type Wording } from '../pages/failures';
import { ACCOUNT, safeNext, seeOther } from '../pages/next';
import { toSecondFactor } from '../pages/second-factor/pending-cookie';
import { requireSignIn, type Visitor } from '../pages/visitor';
import { LastSignInMethod } from '../passkeys/model';
import { AccountDeactivated } from '../sessions/model';
import {
  beginForeignSignIn,
  FOREIGN_SIGN_IN_MS,
  findAccount,
  finishForeignSignIn,
  takeAccount,
} from './flow';
import { link, unlink } from './links';
import * as model from './model';
import type { BeginForm, RegisterForm } from './page-model';
import { accountPath, leavingPage, linkPage, refusalPage, registrationPage } from './pages';
import { hasAccountHere, registerWithAccount } from './registration';

/** Holds the secret of an account that waits for its owner to say what it signs in to. */
const COOKIE = 'foreign_account';
const COOKIE_PATH = '/auth/providers';

/** Sends the visitor to a provider, to sign in or to link an account. */
export const begin = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  { form, request }: { form: BeginForm; request: Request },
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const person = form.purpose === 'link' ? requireSignIn(deps, visitor, request, { recent: true }) : null;
    if (person instanceof Response) return person;
    const browserId = browserIdOf(visitor.browser);
    // The token of the form is of this cookie.
    if (browserId === undefined) throw new model.ForeignSignInExpired();
    const url = await beginForeignSignIn(deps, provider, {
      browserId,
      userId: person?.userId ?? null,
      next: safeNext(form.next),
    });
    return leavingPage(deps.providers.named(provider).label, url);
  });

/** The visitor comes back from a provider. */
export const comeBack = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  search: string,
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const { browser, session, from } = visitor;
    const ended = await finishForeignSignIn(deps, provider, {
      search,
      browserId: browserIdOf(browser),
      userId: session?.userId ?? null,
      from,
    });
    deps.providers.report(provider, ended.kind);
    switch (ended.kind) {
      case 'entered':
        return enter(deps, visitor, ended.entered, ended.next);
      case 'pending':
        return toSecondFactor(visitor, ended.pending, ended.next);
      case 'linked':
        return goOn(safeNext(ended.next), []);
      case 'unknown':
        return seeOther(accountPath(provider), [accountCookie(visitor, ended.token)]);
    }
  });

/** Asks the owner of a waiting account what it signs in to. */
export const decide = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  request: Request,
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const { label } = deps.providers.named(provider);
    const { account } = await findAccount(deps, provider, tokenOf(visitor));
    if (visitor.session === null)
      return registrationPage(visitor, { label, account, isKnown: await hasAccountHere(deps, account) });
    const person = requireSignIn(deps, visitor, request, { recent: true });
    return person instanceof Response
      ? person
      : linkPage(visitor, { label, account, username: person.username });
  });

const NewPerson = Type.Object({ username: newUsername(), email: emailAddress() });

/** Problems of users, which registers people. */
const WORDING: Wording = {
  'user.username-taken': { field: 'username', message: 'This username is taken.' },
  'user.username-reserved': { field: 'username', message: 'This username is not available.' },
  'user.email-taken': { field: 'email', message: 'This address belongs to another account.' },
  'registration.closed': { notice: 'New accounts cannot be created at the moment.' },
};

/** Creates an account for the owner of a waiting one, and signs in; or shows the form again. */
export const registerByForm = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  form: RegisterForm,
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const typed = { username: form.username.trim(), email: form.email.trim() };
    const token = tokenOf(visitor);
    const { label } = deps.providers.named(provider);
    const { account } = await findAccount(deps, provider, token);
    try {
      const input = { ...validated(NewPerson, typed), from: visitor.from };
      const { entered, next } = await registerWithAccount(deps, provider, token, input);
      return await enter(deps, visitor, entered, next);
    } catch (thrown) {
      const failure = failureOf(thrown, WORDING, ['username', 'email']);
      return registrationPage(visitor, { label, account, isKnown: false, ...typed, failure });
    }
  });

/** Links the waiting account to the visitor, who has confirmed it. */
export const linkByForm = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  request: Request,
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const person = requireSignIn(deps, visitor, request, { recent: true });
    if (person instanceof Response) return person;
    const { account, next } = await takeAccount(deps, provider, tokenOf(visitor));
    await link(deps, person.userId, account);
    return goOn(safeNext(next), []);
  });

/** Removes the link to the visitor's account at a provider. */
export const unlinkByForm = (
  deps: AuthDeps,
  visitor: Visitor,
  provider: string,
  request: Request,
): Promise<Response> =>
  orRefusal(deps, visitor, provider, async () => {
    const person = requireSignIn(deps, visitor, request, { recent: true });
    if (person instanceof Response) return person;
    await unlink(deps, person.userId, provider);
    return seeOther(ACCOUNT);
  });

const tokenOf = ({ browser }: Visitor): string | undefined => browser.readCookie(COOKIE);

const accountCookie = ({ browser }: Visitor, token: string): string =>
  browser.writeCookie({
    name: COOKIE,
    value: token,
    path: COOKIE_PATH,
    maxAgeSeconds: FOREIGN_SIGN_IN_MS / 1000,
  });

/** Problems that a page of its own explains. Their details are words of ours, with the operator's name of the provider. */
const EXPLAINED: ReadonlySet<string> = new Set([
  ...[model.ProviderUnavailable, model.ForeignSignInRefused, model.ForeignSignInExpired].map(codeOf),
  ...[model.IdentityTaken, model.ProviderLinked, model.IdentityNotFound].map(codeOf),
  ...[LastSignInMethod, AccountDeactivated].map(codeOf),
]);

async function orRefusal(
  { providers }: Pick<AuthDeps, 'providers'>,
  visitor: Visitor,
  provider: string,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof Problem) || !EXPLAINED.has(thrown.code)) throw thrown;
    providers.report(provider, 'refused', thrown);
    return refusalPage(visitor, thrown);
  }
}

function codeOf({ code }: { code: string }): string {
  return code;
}
