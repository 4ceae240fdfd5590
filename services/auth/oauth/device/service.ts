import { withoutTrailingSlashes } from '#kit/config/urls';
import { inTransaction } from '#kit/mysql/database';
import { allowApp } from '../../apps/consents';
import { type AppRow, findApp } from '../../apps/store';
import type { AuthDeps } from '../../deps';
import type { BrowserSession } from '../../pages/browser-sessions';
import { hashOf, newSecret } from '../../secrets';
import { OAuthError } from '../errors';
import { DEVICE_CODE } from '../grant-types';
import type { DeviceAuthorization } from '../model';
import { requestedScopes } from '../scopes';
import * as store from '../store';
import { newUserCode, shownUserCode } from './user-codes';

const LIFETIME_SECONDS = 900;
const INTERVAL_SECONDS = 5;
export const DEVICE_PATH = '/oauth/device';

/** Begins the sign-in of a device without a browser (RFC 8628, section 3.1). @throws OAuthError */
export async function authorizeDevice(
  deps: AuthDeps,
  app: AppRow,
  scope: string | undefined,
): Promise<DeviceAuthorization> {
  if (!app.grantTypes.includes(DEVICE_CODE))
    throw new OAuthError('unauthorized_client', 'The app has not registered the grant type.');
  const scopes = requestedScopes(deps.settings, app, scope);
  const deviceCode = newSecret();
  const userCode = newUserCode();
  await store.insertDeviceCode(deps.database, {
    hash: hashOf(deviceCode),
    userCode,
    appId: app.id,
    scopes,
    status: 'pending',
    userId: null,
    signedInAt: null,
    methods: null,
    intervalSeconds: INTERVAL_SECONDS,
    polledAt: null,
    expiresAt: new Date(deps.now() + LIFETIME_SECONDS * 1000),
  });
  const uri = `${withoutTrailingSlashes(deps.settings.issuer)}${DEVICE_PATH}`;
  const shown = shownUserCode(userCode);
  return {
    device_code: deviceCode,
    user_code: shown,
    verification_uri: uri,
    verification_uri_complete: `${uri}?user_code=${shown}`,
    expires_in: LIFETIME_SECONDS,
    interval: INTERVAL_SECONDS,
  };
}

/** A device that waits for a person. */
export interface WaitingDevice {
  readonly app: AppRow;
  readonly code: store.DeviceCodeRow;
}

/** @returns undefined for a code that is unknown, expired or decided */
export async function findWaitingDevice(
  deps: Pick<AuthDeps, 'database' | 'now'>,
  userCode: string,
): Promise<WaitingDevice | undefined> {
  const code = await store.findUserCode(deps.database, userCode);
  if (code?.status !== 'pending' || code.expiresAt.getTime() <= deps.now()) return undefined;
  const app = await findApp(deps.database, code.appId);
  return app === undefined ? undefined : { app, code };
}

/** @returns whether it was still waiting */
export function decideDevice(
  deps: Pick<AuthDeps, 'database' | 'now'>,
  { app, code }: WaitingDevice,
  { isAllowed, by }: { isAllowed: boolean; by: BrowserSession },
): Promise<boolean> {
  const { userId, session } = by;
  return inTransaction(deps.database, async (transaction) => {
    const decided = await store.decideDeviceCode(transaction, code.hash, {
      status: isAllowed ? 'allowed' : 'denied',
      userId,
      signedInAt: session.createdAt,
      methods: session.methods,
    });
    if (decided && isAllowed)
      await allowApp(transaction, { userId, appId: app.id, scopes: code.scopes, now: new Date(deps.now()) });
    return decided;
  });
}
