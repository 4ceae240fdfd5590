import { coversScope, isScope } from '#kit/auth/scopes';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { Transaction } from '#kit/mysql/database';
import { shownWebUrl } from '#kit/text/web-url';
import type { AuthDeps } from '../deps';
import { deleteGrantsToApp } from '../oauth/store';
import { endSessions } from '../sessions/service';
import { listOpenSessionIds } from '../sessions/store';
import { withRevocations } from '../tokens/revocations';
import { type AllowedApp, AppNotFound } from './model';
import * as store from './store';

/** Whether scopes that a person has allowed contain all that an app asks for. */
export const coversAll = (allowed: readonly string[], asked: readonly string[]): boolean =>
  asked.every((scope) => isScope(scope) && coversScope(allowed, scope));

/** Whether a person has allowed an app all of these scopes before. */
export async function hasAllowed(
  deps: Pick<AuthDeps, 'database'>,
  userId: string,
  { appId, scopes }: { appId: string; scopes: readonly string[] },
): Promise<boolean> {
  const consent = await store.findConsent(deps.database, userId, appId);
  return consent !== undefined && coversAll(consent.scopes, scopes);
}

/** Remembers what a person has allowed an app, besides what they allowed it before. */
export async function allowApp(
  transaction: Transaction,
  given: { userId: string; appId: string; scopes: readonly string[]; now: Date },
): Promise<void> {
  const { userId, appId, scopes, now } = given;
  const before = await store.lockConsent(transaction, userId, appId);
  const all = [...new Set([...(before?.scopes ?? []), ...scopes])];
  await store.putConsent(transaction, { userId, appId, scopes: all, givenAt: now });
  await store.markAllowed(transaction, appId);
}

/** The apps that a person has allowed something, newest first. */
export async function listAllowedApps(
  deps: Pick<AuthDeps, 'database'>,
  userId: string,
  query: PageQuery,
): Promise<Page<AllowedApp>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const page = { beforeId: after?.[0] ?? null, limit: limit + 1 };
  return toPage(
    await store.listConsents(deps.database, userId, page),
    limit,
    ({ app }) => [app.id],
    allowedAppView,
  );
}

export const allowedAppView = ({ app, consent, usedAt }: store.AllowedAppRow): AllowedApp => ({
  id: app.id,
  name: app.name,
  website: shownWebUrl(app.website),
  scopes: consent.scopes,
  allowed_at: consent.givenAt.toISOString(),
  last_used_at: usedAt?.toISOString() ?? null,
});

/**
 * Ends what a person has allowed an app: its sessions, codes and tokens, and the consent.
 *
 * @throws AppNotFound where they have allowed it nothing
 */
export async function endAllowedApp(deps: AuthDeps, userId: string, appId: string): Promise<void> {
  const app = await store.findApp(deps.database, appId);
  if (app === undefined) throw new AppNotFound();
  await withRevocations(deps, userId, async (transaction, revoke) => {
    const consented = await store.deleteConsent(transaction, userId, appId);
    await deleteGrantsToApp(transaction, userId, appId);
    const open = await listOpenSessionIds(transaction, userId, { appId });
    await endSessions(deps, open, { transaction, revoke });
    if (!consented && open.length === 0) throw new AppNotFound();
  });
}
