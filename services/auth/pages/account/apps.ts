import { Problem } from '#kit/errors/problem';
import { endAllowedApp, listAllowedApps } from '../../apps/consents';
import { type AllowedApp, AppNotFound } from '../../apps/model';
import type { AuthDeps } from '../../deps';
import type { BrowserSession } from '../browser-sessions';
import type { EndAppForm } from './model';

/** More than anybody looks through. */
const SHOWN = { limit: 100 };

/** The apps that who is signed in has allowed something, newest first. */
export const ownApps = async (deps: AuthDeps, { userId }: BrowserSession): Promise<readonly AllowedApp[]> =>
  (await listAllowedApps(deps, userId, SHOWN)).items;

/** Ends what an app may do. One that may do nothing any more is as it should be. */
export async function endApp(
  deps: AuthDeps,
  { userId }: BrowserSession,
  { app_id }: EndAppForm,
): Promise<void> {
  try {
    await endAllowedApp(deps, userId, app_id);
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.code !== AppNotFound.code) throw thrown;
  }
}
