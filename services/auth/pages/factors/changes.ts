import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import {
  AppConfirmation,
  AppExists,
  AppNotFound,
  NoSecondFactor,
  WrongCode,
} from '../../second-factors/model';
import { readFactors, replaceRecoveryCodes } from '../../second-factors/service';
import { confirmSetup, removeApp, resumeSetup } from '../../second-factors/totp';
import { callerOf } from '../account/caller';
import type { BrowserSession } from '../browser-sessions';
import { failureOf, type Wording } from '../failures';
import { seeOther } from '../next';
import type { Visitor } from '../visitor';
import { codesPage } from './codes-page';
import type { ConfirmAppForm } from './model';
import { factorsPage } from './overview';
import { setupPage } from './setup-page';

const FACTORS = '/auth/account/second-factors';

const WRONG = { field: 'code', message: 'This code is wrong. Wait for the next one, and check the clock.' };
const WORDING: Wording = { [WrongCode.code]: WRONG, [ValidationFailed.code]: WRONG };

export const showFactors = async (deps: AuthDeps, visitor: Visitor, session: BrowserSession) =>
  factorsPage(visitor, await readFactors(deps, callerOf(deps, session)));

export const showSetup = (deps: AuthDeps, visitor: Visitor, session: BrowserSession): Promise<Response> =>
  orBack(async () => setupPage(visitor, await resumeSetup(deps, callerOf(deps, session))));

/** Adds the app and shows the recovery codes that come with it, or shows the set-up again. */
export function confirmByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  form: ConfirmAppForm,
): Promise<Response> {
  const caller = callerOf(deps, session);
  return orBack(async () => {
    try {
      const { code } = validated(AppConfirmation, { code: form.code.replaceAll(/\s/g, '') });
      const { recovery_codes: codes } = await confirmSetup(deps, caller, code);
      if (codes === null) return seeOther(FACTORS);
      return codesPage(visitor, { heading: 'The authenticator app is on', codes, back: FACTORS });
    } catch (thrown) {
      if (isGone(thrown)) throw thrown;
      const failure = failureOf(thrown, WORDING, []);
      return setupPage(visitor, await resumeSetup(deps, caller), failure);
    }
  });
}

export const removeByForm = (deps: AuthDeps, session: BrowserSession): Promise<Response> =>
  orBack(async () => {
    await removeApp(deps, callerOf(deps, session));
    return seeOther(FACTORS);
  });

export const replaceCodesByForm = (
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
): Promise<Response> =>
  orBack(async () => {
    const { recovery_codes: codes } = await replaceRecoveryCodes(deps, callerOf(deps, session));
    return codesPage(visitor, { heading: 'New recovery codes', codes, back: FACTORS });
  });

/** The page that a form was on is out of date. */
const isGone = (thrown: unknown): boolean =>
  [AppExists, AppNotFound, NoSecondFactor].some((problem) => thrown instanceof problem);

async function orBack(show: () => Promise<Response>): Promise<Response> {
  try {
    return await show();
  } catch (thrown) {
    if (isGone(thrown)) return seeOther(FACTORS);
    throw thrown;
  }
}
