import type { Caller } from '#kit/auth/caller';
import { shownWebUrl } from '#kit/text/web-url';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import type { UserInfo } from './model';

const DEADLINE_MS = 2_000;

/** What an app may know of a person (OpenID Connect Core, 5.3 and 5.4). @throws DependencyUnavailable */
export async function readUserInfo(deps: AuthDeps, caller: Caller): Promise<UserInfo> {
  const scopes = caller.app?.scopes ?? [];
  const stored = await findByUserId(deps.database, caller.id);
  return {
    sub: caller.id,
    ...(scopes.includes('profile') &&
      (await profileOf(deps, caller.id, stored?.username ?? caller.username))),
    ...(scopes.includes('email') && stored?.email != null && (await emailOf(deps, stored.email))),
  };
}

async function profileOf(deps: AuthDeps, userId: string, username: string) {
  const { users } = await deps.users.getUsers({ ids: [userId] }, { deadlineMs: DEADLINE_MS });
  const picture = shownWebUrl(users[0]?.avatar_url ?? null);
  return {
    preferred_username: username,
    name: users[0]?.display_name || username,
    ...(picture !== null && { picture }),
  };
}

async function emailOf(deps: AuthDeps, email: string) {
  const { verified } = await deps.users.checkAddress({ address: email }, { deadlineMs: DEADLINE_MS });
  return { email, email_verified: verified };
}
