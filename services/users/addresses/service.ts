import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { type Confirmation, confirmPassword } from '../accounts/confirmation';
import { emailSet } from '../accounts/events';
import { changeUser, emailColumns, lockUser } from '../accounts/lifecycle';
import type { OwnProfile } from '../accounts/model';
import type { UserRow } from '../accounts/store';
import { lockUsers } from '../accounts/store';
import { ownProfileView } from '../accounts/views';
import type { UsersDeps } from '../deps';
import { hashOf, isDeliverable, sendVerification, tellFormerAddress } from './mails';
import {
  type AddressChange,
  AddressUndeliverable,
  AddressVerified,
  InvalidVerification,
  TooManyVerifications,
} from './model';
import * as store from './store';

/**
 * Verification mails a user can request in 24 hours, the one of the registration included. Nobody is locked out by it: each
 * link stays valid for 24 hours, whatever is requested after it.
 */
export const VERIFICATIONS_PER_DAY = 5;

/**
 * Requests a new address. It takes effect when it is confirmed; until then the present one stays in use, and the present one
 * named again withdraws the request. The response is the same whether or not another user has the address.
 *
 * @throws Problem `auth.wrong-password` of auth
 * @throws AddressUndeliverable, TooManyVerifications
 */
export async function requestAddress(
  deps: UsersDeps,
  caller: Pick<Caller, 'id'>,
  { email }: AddressChange,
  confirmation: Confirmation,
): Promise<OwnProfile> {
  await confirmPassword(deps, confirmation);
  const address = emailColumns(email).email;
  const user = await inTransaction(deps.database, async (transaction) => {
    const before = await lockUser(transaction, caller.id);
    if (address === before.email)
      return changeUser(transaction, caller.id, { pendingEmail: null }, caller.id);
    if (!isDeliverable(address)) throw new AddressUndeliverable();
    await sendBounded(transaction, deps, { userId: caller.id, address });
    return changeUser(transaction, caller.id, { pendingEmail: address }, caller.id);
  });
  deps.outbox.wake();
  return ownProfileView(user);
}

/**
 * Mails another link for the address that waits for its confirmation.
 *
 * @throws AddressVerified, AddressUndeliverable, TooManyVerifications
 */
export async function requestVerification(deps: UsersDeps, caller: Pick<Caller, 'id'>): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    const user = await lockUser(transaction, caller.id);
    const address = user.pendingEmail ?? user.email;
    if (user.pendingEmail === null && user.emailVerifiedAt !== null) throw new AddressVerified();
    // Of a user who registered by phone, or from before addresses were checked.
    if (!isDeliverable(address)) throw new AddressUndeliverable({ detail: 'Set another address.' });
    await sendBounded(transaction, deps, { userId: user.id, address });
  });
  deps.outbox.wake();
}

/** Whether a link can still be used. Changes nothing: mail scanners follow links. */
export async function isUsable({ database }: Pick<UsersDeps, 'database'>, token: string): Promise<boolean> {
  return (await store.findVerification(database, hashOf(token))) !== undefined;
}

/**
 * Verifies the address that a link was mailed to, which becomes the user's where it was pending. A link can be used once,
 * and not after the user has chosen another address.
 *
 * @throws InvalidVerification
 * @throws EmailTaken when another user has verified or registered it since
 */
export async function confirmAddress(deps: UsersDeps, token: string): Promise<void> {
  const hash = hashOf(token);
  await inTransaction(deps.database, async (transaction) => {
    const found = await store.findVerification(transaction, hash);
    if (found === undefined) throw new InvalidVerification();
    const user = (await lockUsers(transaction, [found.userId])).get(found.userId);
    if (user === undefined || !(await store.consumeVerification(transaction, hash)))
      throw new InvalidVerification();
    if (found.email === user.pendingEmail) await moveTo(transaction, user, found.email);
    else if (found.email === user.email) await markVerified(transaction, user);
    else throw new InvalidVerification();
  });
  deps.outbox.wake();
}

async function markVerified(transaction: Transaction, user: UserRow): Promise<void> {
  // Links to a pending address stay valid.
  await store.consumeVerifications(transaction, user.id, user.email);
  await changeUser(transaction, user.id, { emailVerifiedAt: new Date() }, user.id);
}

async function moveTo(transaction: Transaction, before: UserRow, address: string): Promise<void> {
  const change = { ...emailColumns(address), emailVerifiedAt: new Date(), pendingEmail: null };
  const user = await changeUser(transaction, before.id, change, before.id);
  await store.consumeVerifications(transaction, user.id);
  await writeOutbox(transaction, [emailSet(user, user.id)]);
  await tellFormerAddress(transaction, before);
}

async function sendBounded(
  transaction: Transaction,
  deps: UsersDeps,
  mail: { userId: string; address: string },
): Promise<void> {
  if ((await store.countRecent(transaction, mail.userId)) >= VERIFICATIONS_PER_DAY)
    throw new TooManyVerifications({
      detail: 'Use one of the links that were mailed, or try again tomorrow.',
    });
  await sendVerification(transaction, deps, mail);
}

const CLEAN_UP_EVERY_MS = 60 * 60_000;
const BATCH_SIZE = 1_000;

/** Deletes expired links, now and every hour. */
export function deleteExpiredPeriodically({ runtime, database }: UsersDeps): void {
  repeatEvery(runtime, 'deleting expired verifications', { everyMs: CLEAN_UP_EVERY_MS }, async () => {
    while (
      !runtime.closing.aborted &&
      (await store.deleteExpiredVerifications(database, BATCH_SIZE)) === BATCH_SIZE
    );
  });
}
