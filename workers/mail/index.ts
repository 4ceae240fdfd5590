import { InvoicePaid } from '#contracts/events/billing';
import { MailAddress, MailRequested } from '#contracts/events/mail';
import { Decision, type MailServiceDefinition, Outcome } from '#contracts/gen/mail/v1/mail';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { MessageOf } from '#contracts/messages';
import { retryForever } from '#kit/core/back-off';
import { Problem } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { GrpcClient } from '#kit/grpc/client';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { parkWhenRefused } from '#kit/messaging/refusals';
import type { EventWorker } from '#kit/worker';
import { type Letter, letterOf } from './letters';
import { MailDeferred, MailRefused, type Smtp } from './smtp';
import { bodyOf, onOneLine, subjectOf } from './templates';

const EVENTS = [InvoicePaid, MailRequested] as const;
type Message = MessageOf<(typeof EVENTS)[number]>;

export interface MailWorkerDeps {
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getContact'>;
  readonly mail: Pick<GrpcClient<MailServiceDefinition>, 'beginSending' | 'finishSending'>;
  readonly smtp: Smtp;
}

/**
 * Sends mail, once for each event, template and recipient: mail's service gives each to one sender at a time and
 * remembers what was sent.
 */
export const mailWorker = (deps: MailWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'mail', events: EVENTS },
  concurrency: 5,
  async handle(message, context) {
    const recipient = await recipientOf(deps, message);
    if (recipient === undefined) return context.log.info('the recipient has been erased: nobody to write to');
    const letter = letterOf(message);
    const subject = subjectOf(letter, recipient.name);
    const begun = await parkWhenRefused(
      deps.mail.beginSending({
        event_id: eventIdOf(message),
        template: letter.template,
        user_id: recipient.userId,
        address: recipient.address,
        name: recipient.name,
        subject,
        category: letter.category,
      }),
    );
    if (!mayBeSent(begun, context)) return;
    await send(deps, { begun, letter, recipient, subject }, context);
  },
});

interface Recipient {
  readonly userId: string | undefined;
  readonly address: string;
  readonly name: string;
}

/** @returns undefined for a person who has been erased */
async function recipientOf(deps: MailWorkerDeps, message: Message): Promise<Recipient | undefined> {
  const to = message.name === 'invoice.paid' ? { user_id: message.data.user_id } : message.data.to;
  if (!('user_id' in to)) return { userId: undefined, address: to.address, name: onOneLine(to.name ?? '') };
  try {
    const { email, display_name } = await deps.users.getContact({ user_id: to.user_id });
    const address = validated(MailAddress, email);
    return { userId: to.user_id, address, name: onOneLine(display_name) };
  } catch (failure) {
    if (failure instanceof Problem && failure.code === 'user.not-found') return undefined;
    return parkWhenRefused(Promise.reject(failure));
  }
}

/** An invoice is told of once, however often it is published. */
const eventIdOf = (message: Message): string =>
  message.name === 'invoice.paid' ? message.data.invoice_id : (message.data.event_id ?? message.id);

type Begun = Awaited<ReturnType<MailWorkerDeps['mail']['beginSending']>>;

function mayBeSent(begun: Begun, { log }: MessageContext): boolean {
  const mail_id = begun.mail_id;
  switch (begun.decision) {
    case Decision.DECISION_SEND:
      return true;
    case Decision.DECISION_ALREADY_SENT:
      log.info({ mail_id }, 'a repeat: it has been sent before');
      return false;
    case Decision.DECISION_UNSUBSCRIBED:
      log.info({ mail_id }, 'not sent: the recipient has unsubscribed');
      return false;
    case Decision.DECISION_IN_PROGRESS:
      throw new RetryableError('another is sending it', { afterMs: begun.wait_ms });
    case Decision.DECISION_FAILED:
      throw new PermanentError('the mail server had refused it before');
    default:
      throw new Error('mail answered with a decision this worker does not know');
  }
}

async function send(
  deps: MailWorkerDeps,
  mail: { begun: Begun; letter: Letter; recipient: Recipient; subject: string },
  context: MessageContext,
): Promise<void> {
  const { begun, letter, recipient, subject } = mail;
  const { mail_id, attempt } = begun;
  const unsubscribeUrl = begun.unsubscribe_url;
  const finish = (outcome: Outcome, reason = '') =>
    deps.mail.finishSending({ mail_id, attempt, outcome, reason });
  try {
    await deps.smtp.send({
      id: mail_id,
      to: { address: recipient.address, name: recipient.name },
      subject,
      unsubscribeUrl,
      ...bodyOf(letter, { name: recipient.name, unsubscribeUrl }),
    });
  } catch (failure) {
    if (failure instanceof MailRefused) {
      await finish(Outcome.OUTCOME_FAILED, failure.message);
      throw new PermanentError(failure.message);
    }
    if (failure instanceof MailDeferred) await finish(Outcome.OUTCOME_DEFERRED, failure.message);
    throw failure;
  }
  await retryForever(() => finish(Outcome.OUTCOME_SENT), {
    signal: AbortSignal.timeout(REPORT_MS),
    onFailure: (failure) => context.log.warn({ err: failure, mail_id }, 'sent, and not yet recorded'),
  });
  context.log.info({ mail_id, template: letter.template }, 'sent');
}

/** Until it is recorded that a mail was sent, it may be sent again: so this is tried for longer than a restart takes. */
const REPORT_MS = 25_000;
