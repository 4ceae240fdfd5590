import { createHash } from 'node:crypto';
import { MailRequested } from '#contracts/events/mail';
import type { Sealer } from '#kit/auth/sealing';
import { isUuid, uuidv7 } from '#kit/core/ids';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/pagination';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction } from '#kit/mysql/database';
import {
  type Beginning,
  type Ending,
  type Mail,
  MailNotFound,
  type NewMail,
  TRANSACTIONAL,
  UnsubscribeLinkInvalid,
} from './model';
import * as store from './store';

export interface MailDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  /** Makes and reads the tokens of links to unsubscribe. */
  readonly sealer: Sealer;
  /** Where people reach the gateway, without a slash at the end. */
  readonly publicUrl: string;
  /** Longer than sending can take: after so long its sender must have died, and another may send. */
  readonly claimMs: number;
}

/** Takes a mail: its record and the message for the worker, or neither. Asked again, it is the same mail. */
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
            recipient: input.to.address.toLowerCase(),
            address: input.to.address,
            name: input.to.name ?? null,
          }),
    });
    if (mail.id !== id) return mail;
    const entry = outboxEntry(
      MailRequested,
      { ...input, event_id: eventId },
      // The content may hold secrets, and nobody needs it here once the worker has it.
      { aggregate: { type: 'mail', id, version: 1 }, actor: null, erasePayload: true },
    );
    await writeOutbox(transaction, [entry]);
    return mail;
  });
  deps.outbox.wake();
  return viewOf(queued);
}

export async function readMail(deps: MailDeps, id: string): Promise<Mail> {
  const row = isUuid(id) ? await store.findMail(deps.database, id) : undefined;
  if (row === undefined) throw new MailNotFound();
  return viewOf(row);
}

export async function listMails(deps: MailDeps, query: PageQuery & { to?: string }): Promise<Page<Mail>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listMails(deps.database, {
    to: query.to,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(rows, limit, (row) => [row.id], viewOf);
}

export type Decision =
  | {
      readonly kind: 'send';
      readonly mailId: string;
      readonly attempt: number;
      readonly unsubscribeUrl?: string;
    }
  | { readonly kind: 'in-progress'; readonly mailId: string; readonly waitMs: number }
  | { readonly kind: 'sent' | 'failed' | 'unsubscribed'; readonly mailId: string };

/**
 * Gives a mail to one sender at a time. The claim ends by itself, so that a sender's death holds nothing up for ever;
 * only one that dies between the mail server's "accepted" and its own report makes a second mail, which has the same
 * `Message-ID`.
 */
export async function beginSending(deps: MailDeps, beginning: Beginning): Promise<Decision> {
  const { event_id, template, user_id, category, ...addressed } = beginning;
  return inTransaction(deps.database, async (transaction): Promise<Decision> => {
    const mail = await store.ensureMail(transaction, {
      id: uuidv7(),
      eventId: event_id,
      template,
      recipient: user_id ?? addressed.address.toLowerCase(),
      userId: user_id ?? null,
    });
    const mailId = mail.id;
    if (mail.status === 'sent' || mail.status === 'failed') return { kind: mail.status, mailId };
    if (mail.status === 'sending' && mail.claimedMs > 0)
      return { kind: 'in-progress', mailId, waitMs: mail.claimedMs };
    const addressHash = hashOf(addressed.address);
    if (category !== TRANSACTIONAL && (await store.isUnsubscribed(transaction, addressHash, category))) {
      await store.markUnsubscribed(transaction, mailId, { ...addressed, category });
      return { kind: 'unsubscribed', mailId };
    }
    await store.claim(transaction, mailId, { ...addressed, category }, deps.claimMs);
    return {
      kind: 'send',
      mailId,
      attempt: mail.attempts + 1,
      ...(category !== TRANSACTIONAL && {
        unsubscribeUrl: await unsubscribeUrl(deps, addressHash, category),
      }),
    };
  });
}

/** @returns false when it was not recorded: another has taken over, or the recipient was erased */
export async function finishSending(deps: MailDeps, ending: Ending): Promise<boolean> {
  return store.finish(deps.database, ending);
}

/** @throws UnsubscribeLinkInvalid when the token is not from a mail of ours */
export async function readUnsubscribeToken(
  deps: MailDeps,
  token: string,
): Promise<{ addressHash: Buffer; category: string }> {
  try {
    const [hash = '', category = ''] = (await deps.sealer.open(token)).split(' ');
    return { addressHash: Buffer.from(hash, 'hex'), category };
  } catch (cause) {
    throw new UnsubscribeLinkInvalid({ cause });
  }
}

export async function unsubscribe(deps: MailDeps, token: string): Promise<void> {
  const { addressHash, category } = await readUnsubscribeToken(deps, token);
  await store.unsubscribe(deps.database, addressHash, category);
}

export async function forgetPerson(deps: MailDeps, userId: string): Promise<void> {
  await inTransaction(deps.database, (transaction) => store.forgetPerson(transaction, userId));
}

const TRIM_EVERY_MS = 60 * 60_000;
const TRIM_ROWS = 1_000;

/** Forgets mails after so many days: a list of who was written to is kept no longer than it is of use. */
export function trimMails(deps: MailDeps, keptDays: number): void {
  repeatEvery(deps.runtime, 'trimming mails', { everyMs: TRIM_EVERY_MS }, async () => {
    while (!deps.runtime.closing.aborted)
      if ((await store.deleteOlderThan(deps.database, keptDays, TRIM_ROWS)) < TRIM_ROWS) return;
  });
}

async function unsubscribeUrl(deps: MailDeps, addressHash: Buffer, category: string): Promise<string> {
  const token = await deps.sealer.seal(`${addressHash.toString('hex')} ${category}`);
  return `${deps.publicUrl}/mails/unsubscribe?token=${token}`;
}

const hashOf = (address: string): Buffer => createHash('sha256').update(address.toLowerCase()).digest();

const viewOf = (row: store.MailRow): Mail => ({
  id: row.id,
  event_id: row.eventId,
  template: row.template,
  user_id: row.userId,
  address: row.address,
  name: row.name,
  subject: row.subject,
  category: row.category,
  status: row.status,
  attempts: row.attempts,
  reason: row.reason,
  created_at: row.createdAt.toISOString(),
  sent_at: row.sentAt?.toISOString() ?? null,
});
