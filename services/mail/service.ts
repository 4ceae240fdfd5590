import { createHash } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import { isUuid, uuidv7 } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { addressKey, mailboxKey } from './address-key';
import * as bounces from './bounces-store';
import { admit, deleteOldCounts } from './daily-counts-store';
import type { MailDeps, SuppressionReason } from './deps';
import {
  type Mail,
  MailNotFound,
  type MailQuery,
  type NewMail,
  type SendRequest,
  type SendResult,
  UnsubscribeLinkInvalid,
} from './model';
import * as store from './store';
import { isSubscription, isUnverified as lacksVerification } from './suppression';
import { mailView } from './views';

/** Stores a mail and the message for the worker, or neither. Idempotent by event, template and recipient. */
export async function queueMail(deps: MailDeps, input: NewMail): Promise<Mail> {
  const eventId = input.event_id ?? uuidv7();
  const queued = await inTransaction(deps.database, async (transaction) => {
    const id = uuidv7();
    const mail = await store.ensureMail(transaction, {
      id,
      eventId,
      template: input.content.template,
      ...('user_id' in input.to
        ? { recipient: input.to.user_id, userId: input.to.user_id }
        : {
            recipient: addressKey(input.to.address),
            address: input.to.address,
            addressKey: addressKey(input.to.address),
            name: input.to.name ?? null,
            userId: input.about_user_id ?? null,
          }),
    });
    if (mail.id !== id) return mail;
    const entry = outboxEntry(
      MailRequested,
      { ...input, event_id: eventId },
      // The content may hold secrets, and is not needed here once it is published.
      { aggregate: { type: 'mail', id, version: 1 }, actor: null },
    );
    await writeOutbox(transaction, [entry]);
    return mail;
  });
  deps.outbox.wake();
  return mailView(queued);
}

export async function readMail(deps: MailDeps, id: string): Promise<Mail> {
  const row = isUuid(id) ? await store.findMail(deps.database, id) : undefined;
  if (row === undefined) throw new MailNotFound();
  return mailView(row);
}

export async function listMails(deps: MailDeps, query: MailQuery): Promise<Page<Mail>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listMails(deps.database, {
    to: query.to,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [row.id], mailView);
}

export type Decision =
  | {
      readonly kind: 'send';
      readonly mailId: string;
      readonly attempt: number;
      readonly unsubscribeUrl?: string;
    }
  | { readonly kind: 'in-progress'; readonly mailId: string; readonly waitMs: number }
  | { readonly kind: 'suppressed'; readonly mailId: string; readonly reason: string }
  | { readonly kind: 'sent' | 'failed' | 'bounced' | 'unsubscribed'; readonly mailId: string };

/**
 * Decides whether a mail is sent, and claims it for one worker at a time. Every mail passes here: to a verified address only,
 * not to one that has unsubscribed or bounces, and within the mailbox's daily limit.
 *
 * Claims expire, so that a killed worker does not block its mail. A mail is sent twice only when a worker is killed after the
 * mail server accepted it and before the result is recorded; both have the same `Message-ID`.
 */
export async function beginSending(deps: MailDeps, request: SendRequest): Promise<Decision> {
  const isUnverified = await lacksVerification(deps, request);
  const { decision, suppressed } = await inTransaction(deps.database, async (transaction) => {
    const mail = await store.ensureMail(transaction, identityOf(request));
    const final = finalDecision(mail);
    if (final !== undefined) return { decision: final };
    const suppressed = await suppressionOf(deps, transaction, { request, isUnverified, mail });
    if (suppressed === undefined) return { decision: await claim(deps, transaction, mail, request) };
    return { decision: await suppress(transaction, mail.id, request, suppressed), suppressed };
  });
  if (suppressed !== undefined) deps.countSuppressed(suppressed, request.category);
  return decision;
}

const identityOf = ({ event_id, template, user_id, about_user_id, address }: SendRequest) => ({
  id: uuidv7(),
  eventId: event_id,
  template,
  recipient: user_id ?? addressKey(address),
  userId: user_id ?? about_user_id ?? null,
});

const deliveryOf = ({ address, name, subject, category }: SendRequest) => ({
  address,
  addressKey: addressKey(address),
  name,
  subject,
  category,
});

/** The decision on a mail that cannot be claimed now. */
function finalDecision(mail: store.ClaimableMail): Decision | undefined {
  const { id: mailId, status, claimRemainingMs } = mail;
  if (status === 'sent' || status === 'failed' || status === 'bounced') return { kind: status, mailId };
  if (status === 'sending' && claimRemainingMs > 0)
    return { kind: 'in-progress', mailId, waitMs: claimRemainingMs };
  return undefined;
}

/** Why a mail must not be sent. What is counted is counted at the first attempt only. */
async function suppressionOf(
  deps: MailDeps,
  transaction: Transaction,
  { request, isUnverified, mail }: { request: SendRequest; isUnverified: boolean; mail: store.ClaimableMail },
): Promise<SuppressionReason | undefined> {
  const { address, category, asked_for: isAskedFor = false } = request;
  if (isUnverified) return 'unverified';
  const addressHash = hashOf(addressKey(address));
  const hashes = [addressHash, hashOf(address.toLowerCase())];
  if (isSubscription(category) && (await store.isUnsubscribed(transaction, hashes, category)))
    return 'unsubscribed';
  if (!isAskedFor && (await bounces.isSuppressed(transaction, addressHash))) return 'bounced';
  if (mail.attempts > 0) return undefined;
  const counted = { mailboxHash: hashOf(mailboxKey(address)), category };
  return (await admit(transaction, counted, deps.dailyLimits[category])) ? undefined : 'daily_limit';
}

const REASONS: Readonly<Record<SuppressionReason, string | null>> = {
  unverified: 'the address is not verified',
  unsubscribed: null,
  bounced: `the last ${bounces.MAX_BOUNCES} mails to this address bounced`,
  daily_limit: 'the daily limit of this kind of mail is reached',
};

async function suppress(
  transaction: Transaction,
  mailId: string,
  request: SendRequest,
  suppressed: SuppressionReason,
): Promise<Decision> {
  const reason = REASONS[suppressed];
  const status = suppressed === 'unsubscribed' ? 'unsubscribed' : 'suppressed';
  await store.markUnsent(transaction, mailId, { ...deliveryOf(request), status, reason });
  return reason === null ? { kind: 'unsubscribed', mailId } : { kind: 'suppressed', mailId, reason };
}

async function claim(
  deps: MailDeps,
  transaction: Transaction,
  mail: store.ClaimableMail,
  request: SendRequest,
): Promise<Decision> {
  const { category } = request;
  const delivery = deliveryOf(request);
  await store.claim(transaction, mail.id, delivery, deps.claimMs);
  return {
    kind: 'send',
    mailId: mail.id,
    attempt: mail.attempts + 1,
    ...(isSubscription(category) && {
      unsubscribeUrl: await unsubscribeUrl(deps, hashOf(delivery.addressKey), category),
    }),
  };
}

/**
 * Records the result of an attempt. Bounces of an address are counted until a mail is delivered to it.
 *
 * @returns false when it was not recorded: another worker has claimed the mail since, or the recipient was erased
 */
export async function finishSending(deps: MailDeps, result: SendResult): Promise<boolean> {
  return inTransaction(deps.database, async (transaction) => {
    const before = await store.finish(transaction, result);
    if (before === undefined) return false;
    if (before.addressKey === null || before.status === 'bounced') return true;
    const addressHash = hashOf(before.addressKey);
    if (result.outcome === 'bounced') await bounces.countBounce(transaction, addressHash);
    if (result.outcome === 'sent') await bounces.clearBounces(transaction, addressHash);
    return true;
  });
}

/** @throws UnsubscribeLinkInvalid when this service did not seal the token */
export async function readUnsubscribeToken(
  deps: MailDeps,
  token: string,
): Promise<{ addressHash: Buffer; category: string }> {
  try {
    const [hash = '', category = ''] = (await deps.sealer.open(token)).split(' ');
    return { addressHash: Buffer.from(hash, 'hex'), category };
  } catch (cause) {
    throw new UnsubscribeLinkInvalid({ detail: 'Use the link in the mail unchanged.', cause });
  }
}

export async function unsubscribe(deps: MailDeps, token: string): Promise<void> {
  const { addressHash, category } = await readUnsubscribeToken(deps, token);
  await store.unsubscribe(deps.database, addressHash, category);
}

export async function deleteMailsOfUser(deps: Pick<MailDeps, 'database'>, userId: string): Promise<void> {
  await inTransaction(deps.database, (transaction) => store.deleteMailsOfUser(transaction, userId));
}

const CLEAN_UP_EVERY_MS = 60 * 60_000;
const BATCH_SIZE = 1_000;

/** Deletes mails older than `retentionDays`, now and every hour: recipients are recorded no longer than necessary. */
export function deleteOldMailsPeriodically(deps: MailDeps, retentionDays: number): void {
  const { runtime, database } = deps;
  const inBatches = async (deleteBatch: () => Promise<number>) => {
    while (!runtime.closing.aborted && (await deleteBatch()) === BATCH_SIZE);
  };
  repeatEvery(runtime, 'deleting old mails', { everyMs: CLEAN_UP_EVERY_MS }, async () => {
    await inBatches(() => store.deleteOlderThan(database, retentionDays, BATCH_SIZE));
    await inBatches(() => bounces.deleteExpiredBounces(database, BATCH_SIZE));
    await inBatches(() => deleteOldCounts(database, BATCH_SIZE));
  });
}

async function unsubscribeUrl(deps: MailDeps, addressHash: Buffer, category: string): Promise<string> {
  const token = await deps.sealer.seal(`${addressHash.toString('hex')} ${category}`);
  return `${deps.publicUrl}/mails/unsubscribe?token=${token}`;
}

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();
