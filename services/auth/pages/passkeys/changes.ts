import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import {
  LastSignInMethod,
  NewPasskey,
  PasskeyChange,
  PasskeyExists,
  PasskeyInvalid,
  PasskeyNotFound,
  TooManyPasskeys,
} from '../../passkeys/model';
import {
  addPasskey,
  creationOptions,
  listAll,
  passkeyView,
  removePasskey,
  renamePasskey,
} from '../../passkeys/service';
import { callerOf } from '../account/caller';
import { deviceOf } from '../account/user-agents';
import type { BrowserSession } from '../browser-sessions';
import { codesPage } from '../factors/codes-page';
import { type Failure, failureOf, type Wording } from '../failures';
import { seeOther } from '../next';
import type { Visitor } from '../visitor';
import { parsePasskey } from './answer';
import { addPasskeyPage, passkeysPage } from './list-page';
import type { AddPasskeyForm, RenamePasskeyForm } from './model';

const PASSKEYS = '/auth/account/passkeys';

const FAILED = { notice: 'The passkey was not accepted. Try again.' };
const NAME = { field: 'name', message: 'Enter a name of at most 40 characters.' };
const WORDING: Wording = {
  [PasskeyInvalid.code]: FAILED,
  [PasskeyExists.code]: { notice: 'This passkey is registered already.' },
  [TooManyPasskeys.code]: { notice: 'You have as many passkeys as there may be. Remove one first.' },
  [LastSignInMethod.code]: { notice: 'Nothing else signs in to your account. Set a password first.' },
};

export async function showPasskeys(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  failure?: Failure,
): Promise<Response> {
  const rows = await listAll(deps.database, session.userId);
  return passkeysPage(visitor, rows.map(passkeyView), failure);
}

/** Shows the button to create a passkey with, for a challenge of its own. */
export async function showAddPasskey(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  {
    name = deviceOf(visitor.from.client.user_agent ?? null),
    failure,
  }: { name?: string; failure?: Failure } = {},
): Promise<Response> {
  try {
    const options = await creationOptions(deps, callerOf(deps, session), visitor.from.client.address);
    return addPasskeyPage(visitor, { options, name, ...(failure !== undefined && { failure }) });
  } catch (thrown) {
    return showPasskeys(deps, visitor, session, failureOf(thrown, WORDING, []));
  }
}

/** Registers a passkey, and shows the recovery codes that come with the first one; or shows the button again. */
export async function addByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  { name, passkey }: AddPasskeyForm,
): Promise<Response> {
  try {
    const input = validated(NewPasskey, { name: name.trim(), credential: parsePasskey(passkey) });
    const { recovery_codes: codes } = await addPasskey(deps, callerOf(deps, session), input);
    if (codes === null) return seeOther(PASSKEYS);
    return codesPage(visitor, { heading: 'The passkey is registered', codes, back: PASSKEYS });
  } catch (thrown) {
    const isNamed =
      !(thrown instanceof ValidationFailed) || thrown.errors?.some(({ field }) => field !== 'name');
    const wording = { ...WORDING, [ValidationFailed.code]: isNamed ? FAILED : NAME };
    const failure = failureOf(thrown, wording, []);
    return showAddPasskey(deps, visitor, session, { name, failure });
  }
}

export async function renameByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  { id, name }: RenamePasskeyForm,
): Promise<Response> {
  try {
    const change = validated(PasskeyChange, { name: name.trim() });
    await renamePasskey(deps, callerOf(deps, session), id, change);
  } catch (thrown) {
    if (thrown instanceof PasskeyNotFound) return seeOther(PASSKEYS);
    const wording = { [ValidationFailed.code]: { notice: NAME.message } };
    return showPasskeys(deps, visitor, session, failureOf(thrown, wording, []));
  }
  return seeOther(PASSKEYS);
}

export async function removeByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  id: string,
): Promise<Response> {
  try {
    await removePasskey(deps, callerOf(deps, session), id);
  } catch (thrown) {
    if (!(thrown instanceof PasskeyNotFound))
      return showPasskeys(deps, visitor, session, failureOf(thrown, WORDING, []));
  }
  return seeOther(PASSKEYS);
}
