import { createHash, randomBytes } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import { withoutTrailingSlashes } from '#kit/config/urls';
import { validated } from '#kit/errors/validation';
import { networkOf } from '#kit/http/network';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import type { PendingSignIn } from '../second-factors/model';
import { pendingIn } from '../second-factors/pending';
import type { Requester } from '../sessions/cookies';
import { type Entered, startSession } from '../sessions/sign-in';
import { ForeignAccount } from './account';
import { link } from './links';
import { ForeignSignInExpired, ForeignSignInRefused } from './model';
import * as store from './store';

/** How long somebody may take at the provider, and then to say what account is signed in to. */
export const FOREIGN_SIGN_IN_MS = 10 * 60_000;
/** Signed in at another provider. Its own `amr` is not passed on: what it means there is not known here. */
const FEDERATED = ['fed'];

/** What is kept, encrypted, while the browser is at the provider. */
const Begun = Type.Object({ nonce: Type.String(), verifier: Type.String() });

/** How a foreign sign-in has ended. Whoever has a second factor here shows it here as well. */
export type Ended = { readonly next: string } & (
  | { readonly kind: 'entered'; readonly entered: Entered }
  | { readonly kind: 'linked' }
  | { readonly kind: 'pending'; readonly pending: PendingSignIn }
  /** Nobody has linked the account. The token, in a cookie, lets its owner register or link it. */
  | { readonly kind: 'unknown'; readonly token: string }
);

/**
 * Begins a sign-in at another provider, or linking an account there.
 *
 * @param begin.browserId the secret that names the browser: only this browser can finish
 * @param begin.userId who links an account; null for a sign-in
 * @param begin.next a path of ours
 * @returns where the browser goes
 * @throws ProviderNotFound, ProviderUnavailable
 */
export async function beginForeignSignIn(
  deps: AuthDeps,
  provider: string,
  begin: { browserId: string; userId: string | null; next: string },
): Promise<URL> {
  const [state, nonce, verifier] = [randomToken(), randomToken(), randomToken()];
  const url = await deps.providers
    .named(provider)
    .authorizationUrl(redirectUri(deps, provider), { state, nonce, verifier });
  await keep(deps, state, {
    browserHash: sha256(begin.browserId),
    provider,
    content: { nonce, verifier },
    next: begin.next,
    userId: begin.userId,
  });
  return url;
}

/**
 * Finishes what this browser has begun, once: signs in whoever has linked the account, or links it.
 *
 * @param callback.search the query that the provider has sent the browser back with
 * @param callback.userId who is signed in on the browser
 * @throws ForeignSignInRefused, ForeignSignInExpired, ProviderUnavailable, IdentityTaken, ProviderLinked
 * @throws AccountDeactivated, ServiceOverloaded
 */
export async function finishForeignSignIn(
  deps: AuthDeps,
  provider: string,
  callback: { search: string; browserId: string | undefined; userId: string | null; from: Requester },
): Promise<Ended> {
  const { named } = deps.providers;
  const signInProvider = named(provider);
  const url = new URL(redirectUri(deps, provider));
  url.search = callback.search;
  const state = url.searchParams.get('state') ?? '';
  const begun = await takeBegun(deps, provider, { state, browserId: callback.browserId });
  const { nonce, verifier } = validated(Begun, await unsealed(deps, begun));
  const { client, lifetime } = callback.from;
  const turn = { ...lifetime, key: networkOf(client.address) };
  const account = await signInProvider.finish(url, { state, nonce, verifier }, turn);
  const { next } = begun;
  if (begun.userId !== null) {
    if (begun.userId !== callback.userId)
      throw new ForeignSignInRefused({ detail: 'Somebody else is signed in now. Begin again.' });
    await link(deps, begun.userId, account);
    return { kind: 'linked', next };
  }
  try {
    const entered = await enterLinked(deps, account, callback.from);
    if (entered !== undefined) return { kind: 'entered', entered, next };
  } catch (failure) {
    const pending = pendingIn(failure);
    if (pending === undefined) throw failure;
    return { kind: 'pending', pending, next };
  }
  const token = randomToken();
  await keepAccount(deps, token, { account, next });
  return { kind: 'unknown', token, next };
}

async function takeBegun(
  deps: AuthDeps,
  provider: string,
  { state, browserId }: { state: string; browserId: string | undefined },
): Promise<store.ForeignSignInRow> {
  const hash = sha256(state);
  const begun = await store.findForeignSignIn(deps.database, hash, new Date(deps.now()));
  const isOfBrowser = browserId !== undefined && begun?.browserHash === sha256(browserId);
  // Another browser cannot use it up either.
  if (!isOfBrowser || begun.provider !== provider || !(await store.takeForeignSignIn(deps.database, hash)))
    throw expired();
  return begun;
}

/** @returns undefined where nobody has linked the account */
async function enterLinked(
  deps: AuthDeps,
  account: ForeignAccount,
  from: Requester,
): Promise<Entered | undefined> {
  const identity = await store.findIdentity(deps.database, account);
  if (identity === undefined) return undefined;
  const person = await findByUserId(deps.database, identity.userId);
  if (person?.username == null) throw new ForeignSignInRefused({ detail: 'The account has been deleted.' });
  await store.touchIdentity(deps.database, account, {
    label: account.label,
    lastUsedAt: new Date(deps.now()),
  });
  return enterFederated(deps, { userId: identity.userId, username: person.username }, from);
}

/** Opens a session of somebody whom another provider has identified. */
export const enterFederated = (
  deps: AuthDeps,
  user: { userId: string; username: string },
  from: Requester,
): Promise<Entered> => startSession(deps, user, { from, verifiedHash: null, methods: FEDERATED });

/** An account that its owner has yet to register with or to link. */
export interface WaitingAccount {
  readonly account: ForeignAccount;
  readonly next: string;
}

/** Keeps what a provider has said about an account for the browser with a token. */
export const keepAccount = (deps: AuthDeps, token: string, { account, next }: WaitingAccount) =>
  keep(deps, token, {
    browserHash: sha256(token),
    provider: account.provider,
    content: account,
    next,
    userId: null,
  });

/** @throws ForeignSignInExpired */
export async function findAccount(
  deps: AuthDeps,
  provider: string,
  token: string | undefined,
): Promise<WaitingAccount> {
  const hash = sha256(token ?? '');
  const row = await store.findForeignSignIn(deps.database, hash, new Date(deps.now()));
  // One that waits for the browser to return has the hash of another secret.
  if (row === undefined || row.browserHash !== hash || row.provider !== provider) throw expired();
  return { account: validated(ForeignAccount, await unsealed(deps, row)), next: row.next };
}

/** As `findAccount`, once. @throws ForeignSignInExpired */
export async function takeAccount(
  deps: AuthDeps,
  provider: string,
  token: string | undefined,
): Promise<WaitingAccount> {
  const found = await findAccount(deps, provider, token);
  if (!(await store.takeForeignSignIn(deps.database, sha256(token ?? '')))) throw expired();
  return found;
}

async function keep(
  deps: AuthDeps,
  token: string,
  row: Pick<store.ForeignSignInRow, 'browserHash' | 'provider' | 'next' | 'userId'> & {
    content: Static<typeof Begun> | ForeignAccount;
  },
): Promise<void> {
  const { content, ...columns } = row;
  await store.insertForeignSignIn(deps.database, {
    ...columns,
    hash: sha256(token),
    sealed: await deps.foreignSealer.seal(JSON.stringify(content)),
    expiresAt: new Date(deps.now() + FOREIGN_SIGN_IN_MS),
  });
}

const unsealed = async (deps: AuthDeps, { sealed }: store.ForeignSignInRow): Promise<unknown> =>
  JSON.parse(await deps.foreignSealer.open(sealed));

const expired = () =>
  new ForeignSignInExpired({
    detail: 'It was begun in another browser, took more than ten minutes, or is finished. Begin again.',
  });

const redirectUri = ({ publicUrl }: Pick<AuthDeps, 'publicUrl'>, provider: string): string =>
  `${withoutTrailingSlashes(publicUrl)}/auth/providers/${provider}/callback`;

const randomToken = (): string => randomBytes(32).toString('base64url');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
