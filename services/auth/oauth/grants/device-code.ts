import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { AuthDeps } from '../../deps';
import { hashOf } from '../../secrets';
import { openAppSession } from '../app-sessions';
import { OAuthError } from '../errors';
import { type DeviceCodeRow, lockDeviceCode, updateDeviceCode } from '../store';
import { type Exchange, type GrantRequest, required } from './request';

/** RFC 8628, section 3.5. */
const SLOWER_BY_SECONDS = 5;
/** A clock that runs a little fast is not punished. */
const EARLY_MS = 500;

const invalidCode = () =>
  new OAuthError('invalid_grant', 'The device code is unknown, used, or of another client.');

/** Exchanges a device code for tokens, once a person has allowed it (RFC 8628, section 3.4). */
export const exchangeDeviceCode: Exchange = async (deps, { app, form, client }) => {
  const hash = hashOf(required(form.device_code, 'device_code'));
  const polled = await inTransaction(deps.database, (transaction) => poll(deps, transaction, { app, hash }));
  if (polled instanceof OAuthError) throw polled;
  const { userId, signedInAt, methods, scopes } = polled;
  if (userId === null || signedInAt === null) throw invalidCode();
  const grant = { app, userId, scopes, signedInAt, methods, nonce: null, client };
  return openAppSession(deps, grant, async (transaction) => {
    const code = await lockDeviceCode(transaction, hash);
    if (code?.status !== 'allowed') throw invalidCode();
    await updateDeviceCode(transaction, hash, { status: 'used' });
  });
};

/** @returns the code once it is allowed; otherwise what to tell the device, which is committed with the time of its request */
async function poll(
  deps: AuthDeps,
  transaction: Transaction,
  { app, hash }: Pick<GrantRequest, 'app'> & { hash: string },
): Promise<DeviceCodeRow | OAuthError> {
  const code = await lockDeviceCode(transaction, hash);
  const now = deps.now();
  if (code === undefined || code.appId !== app.id || code.status === 'used') return invalidCode();
  if (code.expiresAt.getTime() <= now)
    return new OAuthError('expired_token', 'Begin again: the code has expired.');
  if (code.status === 'denied') return new OAuthError('access_denied', 'The person has refused.');
  if (code.status === 'allowed') return code;
  const isEarly =
    code.polledAt !== null && now - code.polledAt.getTime() < code.intervalSeconds * 1000 - EARLY_MS;
  const intervalSeconds = code.intervalSeconds + (isEarly ? SLOWER_BY_SECONDS : 0);
  await updateDeviceCode(transaction, hash, { polledAt: new Date(now), intervalSeconds });
  return isEarly
    ? new OAuthError('slow_down', `Wait ${intervalSeconds} seconds between two requests.`)
    : new OAuthError('authorization_pending', 'The person has not decided yet.');
}
