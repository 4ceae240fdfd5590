import { Secret, TOTP } from 'otpauth';
import { renderSVG } from 'uqr';
import type { Caller } from '#kit/auth/caller';
import { inTransaction } from '#kit/mysql/database';
import type { AuthDeps } from '../deps';
import { addFactor, type FactorDeps, removeFactor } from './changes';
import { AppExists, AppNotFound, type AppSetup, type FactorAdded, WrongCode } from './model';
import { TOTP_DIGITS, TOTP_PERIOD_SECONDS, TOTP_SECRET_BYTES, TOTP_WINDOW } from './rules';
import * as store from './store';

type TotpDeps = FactorDeps & Pick<AuthDeps, 'totpSealer' | 'publicUrl'>;

/** A page to set an app up on shows the same secret for so long. */
const SETUP_MS = 60 * 60_000;

/**
 * Begins to set up an authenticator app (RFC 6238). Its secret is no factor until a code of it has been entered; one that
 * was begun before is forgotten.
 *
 * @throws AppExists
 */
export async function beginSetup(deps: TotpDeps, caller: Caller): Promise<AppSetup> {
  const secret = new Secret({ size: TOTP_SECRET_BYTES });
  const sealedSecret = await deps.totpSealer.seal(secret.base32);
  await inTransaction(deps.database, async (transaction) => {
    if ((await store.findTotp(transaction, caller.id))?.confirmedAt != null) throw new AppExists();
    const createdAt = new Date(deps.now());
    await store.replaceUnconfirmedTotp(transaction, { userId: caller.id, sealedSecret, createdAt });
  });
  return setupOf(deps, caller, secret);
}

/** The set-up that was begun within the hour, so that its code need not be scanned again; or a new one. @throws AppExists */
export async function resumeSetup(deps: TotpDeps, caller: Caller): Promise<AppSetup> {
  const stored = await store.findTotp(deps.database, caller.id);
  if (stored === undefined || stored.confirmedAt !== null) return beginSetup(deps, caller);
  if (deps.now() - stored.createdAt.getTime() > SETUP_MS) return beginSetup(deps, caller);
  return setupOf(deps, caller, Secret.fromBase32(await deps.totpSealer.open(stored.sealedSecret)));
}

function setupOf({ publicUrl }: TotpDeps, { username }: Caller, secret: Secret): AppSetup {
  const uri = appOf(secret, `${username}@${new URL(publicUrl).host}`).toString();
  return { secret: secret.base32, uri, qr_code: renderSVG(uri, { ecc: 'M', border: 4 }) };
}

/**
 * Makes the app a factor with a code that it shows.
 *
 * @throws AppNotFound when no set-up was begun
 * @throws AppExists
 * @throws WrongCode
 */
export async function confirmSetup(deps: TotpDeps, caller: Caller, code: string): Promise<FactorAdded> {
  const recovery_codes = await addFactor(deps, caller.id, {
    tell: 'app-added',
    async run(transaction) {
      const stored = await store.findTotp(transaction, caller.id);
      if (stored === undefined) throw new AppNotFound({ detail: 'Begin to set one up first.' });
      if (stored.confirmedAt !== null) throw new AppExists();
      const lastStep = await stepOf(deps, stored, code);
      if (lastStep === undefined)
        throw new WrongCode({ detail: 'Enter the code that the app shows now, and check its clock.' });
      const confirmedAt = new Date(deps.now());
      await store.confirmTotp(transaction, caller.id, { confirmedAt, lastStep });
    },
  });
  return { recovery_codes };
}

/** Removes the app. @throws AppNotFound */
export const removeApp = (deps: FactorDeps, caller: Caller): Promise<void> =>
  removeFactor(deps, caller.id, {
    tell: 'app-removed',
    async run(transaction) {
      if ((await store.findTotp(transaction, caller.id))?.confirmedAt == null) throw new AppNotFound();
      await store.deleteTotp(transaction, caller.id);
    },
  });

/** Uses a code of a person's app: each is good once. @returns whether it is right and unused */
export async function useCode(deps: TotpDeps, userId: string, code: string): Promise<boolean> {
  const stored = await store.findTotp(deps.database, userId);
  if (stored?.confirmedAt == null) return false;
  const step = await stepOf(deps, stored, code);
  return step !== undefined && (await store.takeTotpStep(deps.database, userId, step));
}

/** The time step whose code it is, within the window; undefined for a wrong one. */
async function stepOf(
  deps: Pick<AuthDeps, 'totpSealer' | 'now'>,
  { sealedSecret }: Pick<store.TotpRow, 'sealedSecret'>,
  code: string,
): Promise<number | undefined> {
  const app = appOf(Secret.fromBase32(await deps.totpSealer.open(sealedSecret)));
  const timestamp = deps.now();
  const delta = app.validate({ token: code.replace(' ', ''), timestamp, window: TOTP_WINDOW });
  return delta === null ? undefined : app.counter({ timestamp }) + delta;
}

/** SHA-1 is what all apps know; as an HMAC it is not broken (RFC 4226, appendix B). */
const appOf = (secret: Secret, label = ''): TOTP =>
  new TOTP({
    issuer: 'Rookery',
    label,
    algorithm: 'SHA1',
    digits: TOTP_DIGITS,
    period: TOTP_PERIOD_SECONDS,
    secret,
  });
