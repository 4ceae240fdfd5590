import { InvoicePaid } from '#contracts/events/billing';
import { MailRequested } from '#contracts/events/mail';
import { UserDeleted } from '#contracts/events/users';
import { Decision, type MailServiceDefinition, Outcome } from '#contracts/gen/mail/v1/mail';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { MessageOf } from '#contracts/messages';
import { retryForever } from '#kit/core/back-off';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { parkClientErrors } from '#kit/messaging/refusals';
import { parseEmail } from '#kit/text/email';
import type { EventWorker } from '#kit/worker';
import type { Smtp } from './smtp';
import { MailBounced, MailDeferred, MailRefused } from './smtp-failures';
import { type TemplateData, templateDataOf } from './template-data';
import { renderBody, renderSubject, shorten, toSingleLine } from './templates';

const EVENTS = [InvoicePaid, MailRequested, UserDeleted] as const;
type Message = MessageOf<typeof InvoicePaid | typeof MailRequested>;

export interface MailWorkerDeps {
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getContact'>;
  readonly mail: Pick<GrpcClient<MailServiceDefinition>, 'beginSending' | 'finishSending'>;
  readonly smtp: Smtp;
}

/**
 * Sends mail, once for each event, template and recipient: the mail service lets one worker at a time claim a mail, and
 * records what was sent.
 */
export const mailWorker = (deps: MailWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'mail', events: EVENTS },
  concurrency: 5,
  async handle(message, context) {
    // What is parked is erased by the consumer.
    if (message.name === 'user.deleted') return;
    const recipient = await recipientOf(deps, message);
    if (recipient === undefined) return context.log.info('not sent: the recipient has been erased');
    const content = templateDataOf(message);
    const subject = renderSubject(content);
    const claim = await parkClientErrors(
      deps.mail.beginSending({
        event_id: eventIdOf(message),
        template: content.template,
        user_id: recipient.userId,
        about_user_id: aboutUserOf(message),
        address: recipient.address,
        name: recipient.name,
        subject,
        category: content.category,
        asked_for: content.isAskedFor,
      }),
    );
    if (!isClaimed(claim, recipient, context)) return;
    if (recipient.deliverTo !== null)
      return send(deps, { claim, content, deliverTo: recipient.deliverTo, subject }, context);
    // No server can take it, however often it is tried, and nobody can repair the message: recorded and acknowledged.
    const { mail_id, attempt } = claim;
    const outcome = Outcome.OUTCOME_FAILED;
    await deps.mail.finishSending({ mail_id, attempt, outcome, reason: UNDELIVERABLE });
    context.log.warn({ mail_id }, UNDELIVERABLE);
  },
});

interface Recipient {
  readonly userId: string | undefined;
  readonly address: string;
  /** The address for SMTP; null for one that no mail server can deliver to. */
  readonly deliverTo: string | null;
  /** Recorded, not sent. */
  readonly name: string;
}

/** @returns undefined for a user who has been erased */
async function recipientOf(deps: MailWorkerDeps, message: Message): Promise<Recipient | undefined> {
  const to = message.name === 'invoice.paid' ? { user_id: message.data.user_id } : message.data.to;
  if (!('user_id' in to)) return { userId: undefined, ...deliveryOf(to.address, to.name ?? '') };
  try {
    const { email, display_name } = await deps.users.getContact({ user_id: to.user_id });
    return { userId: to.user_id, ...deliveryOf(email, display_name) };
  } catch (failure) {
    if (failure instanceof Problem && failure.code === 'user.not-found') return undefined;
    return parkClientErrors(Promise.reject(failure));
  }
}

const UNDELIVERABLE = 'the address is not one that mail can be delivered to';
/** What the mail service records of a recipient. */
const MAX_ADDRESS_LENGTH = 254;
const MAX_NAME_LENGTH = 200;

/** The domain is sent in its ASCII form; servers that cannot take other letters in the local part refuse it (RFC 6531). */
function deliveryOf(typed: string, name: string): Omit<Recipient, 'userId'> {
  const email = parseEmail(typed);
  const address = email?.address ?? (shorten(toSingleLine(typed), MAX_ADDRESS_LENGTH) || 'none');
  const deliverTo =
    email === null
      ? null
      : `${address.slice(0, address.lastIndexOf('@'))}@${email.key.slice(email.key.lastIndexOf('@') + 1)}`;
  return { address, deliverTo, name: shorten(toSingleLine(name), MAX_NAME_LENGTH) };
}

/** An invoice is mailed once, however often it is published. */
const eventIdOf = (message: Message): string =>
  message.name === 'invoice.paid' ? message.data.invoice_id : (message.data.event_id ?? message.id);

const aboutUserOf = (message: Message): string | undefined =>
  message.name === 'mail.requested' ? message.data.about_user_id : undefined;

type Claim = Awaited<ReturnType<MailWorkerDeps['mail']['beginSending']>>;

function isClaimed(claim: Claim, { deliverTo }: Recipient, { log }: MessageContext): boolean {
  const { mail_id } = claim;
  switch (claim.decision) {
    case Decision.DECISION_SEND:
      return true;
    case Decision.DECISION_ALREADY_SENT:
      log.info({ mail_id }, 'not sent: a repeat of a mail that was sent before');
      return false;
    case Decision.DECISION_UNSUBSCRIBED:
      log.info({ mail_id }, 'not sent: the recipient has unsubscribed');
      return false;
    case Decision.DECISION_BOUNCED:
      log.info({ mail_id }, 'not sent: the mail server refused the recipient before');
      return false;
    case Decision.DECISION_SUPPRESSED:
      log.info({ mail_id, reason: claim.reason }, 'not sent: suppressed');
      return false;
    case Decision.DECISION_IN_PROGRESS:
      throw new RetryableError('another worker is sending the mail', { afterMs: claim.wait_ms });
    case Decision.DECISION_FAILED:
      if (deliverTo === null) return false;
      throw new PermanentError('the mail server refused the mail before');
    default:
      throw new Error('mail responded with an unknown decision');
  }
}

async function send(
  deps: MailWorkerDeps,
  mail: {
    claim: Claim;
    content: TemplateData;
    deliverTo: string;
    subject: string;
  },
  context: MessageContext,
): Promise<void> {
  const { claim, content, deliverTo, subject } = mail;
  const { mail_id, attempt, unsubscribe_url: unsubscribeUrl } = claim;
  const finish = (outcome: Outcome, reason = '') =>
    deps.mail.finishSending({ mail_id, attempt, outcome, reason });
  try {
    await deps.smtp.send({
      id: mail_id,
      to: deliverTo,
      subject,
      unsubscribeUrl,
      ...renderBody(content, unsubscribeUrl),
    });
  } catch (failure) {
    if (failure instanceof MailBounced) {
      // An answer, not a failure: nobody can repair it, so it is not parked.
      await finish(Outcome.OUTCOME_BOUNCED, failure.message);
      return context.log.info({ mail_id, reason: failure.message }, 'mail bounced');
    }
    if (failure instanceof MailRefused) {
      await finish(Outcome.OUTCOME_FAILED, failure.message);
      throw new PermanentError(failure.message);
    }
    if (failure instanceof MailDeferred) await finish(Outcome.OUTCOME_DEFERRED, failure.message);
    throw failure;
  }
  await retryForever(() => finish(Outcome.OUTCOME_SENT), {
    signal: AbortSignal.timeout(RECORD_TIMEOUT_MS),
    onFailure: (failure) =>
      context.log.warn({ err: failure, mail_id }, 'the mail was sent, but recording it failed; retrying'),
  });
  context.log.info({ mail_id, template: content.template }, 'mail sent');
}

/** A mail may be sent again until it is recorded as sent, so recording is retried for longer than a restart takes. */
const RECORD_TIMEOUT_MS = 25_000;
