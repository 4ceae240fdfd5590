import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { PaymentChargeChanged, PaymentRefundChanged } from '#contracts/events/payments';
import { bodyTooLarge, MalformedBody } from '#kit/errors/problem';
import { parseJson } from '#kit/http/body/json';
import { type OutboxEntry, outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { PaymentsDeps } from '../deps';
import { InvalidWebhookSignature, WebhookNotConfigured } from '../model';
import { findPaymentByReference, findRefund } from '../store';
import { isSignedEvent, type SignedEvent } from './signature';
import { recordWebhookEvent } from './store';

/** Far more than an event of a payment intent has. */
export const WEBHOOK_BODY_BYTES = 256 * 1024;

const PROVIDER = 'stripe';
/** Payments that are still to be decided by their charge. */
const OPEN_STATES: readonly string[] = ['pending', 'processing'];

/** What is read of an event; it has far more. https://docs.stripe.com/api/events/object */
const WebhookEvent = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 255 }),
  type: Type.String(),
  data: Type.Object({
    object: Type.Object({
      id: Type.Optional(Type.String()),
      object: Type.Optional(Type.String()),
      metadata: Type.Optional(
        Type.Union([Type.Null(), Type.Record(Type.String(), Type.String(), { maxProperties: 100 })]),
      ),
    }),
  }),
});
type WebhookEvent = Static<typeof WebhookEvent>;

/**
 * Receives an event of Stripe. It is a hint, whatever it says: its only effect is that the worker asks Stripe for the
 * current state, and compares amount and currency. So events may arrive late, twice and in any order. What concerns no
 * payment of ours, or is of an unknown type, is acknowledged without effect.
 *
 * @throws WebhookNotConfigured, InvalidWebhookSignature, BodyTooLarge, MalformedBody
 */
export async function receiveWebhook(deps: PaymentsDeps, received: SignedEvent): Promise<void> {
  if (deps.webhookSecrets.length === 0) throw new WebhookNotConfigured();
  if (received.bytes.byteLength > WEBHOOK_BODY_BYTES) throw bodyTooLarge(WEBHOOK_BODY_BYTES);
  if (!isSignedEvent(received, deps.webhookSecrets)) throw new InvalidWebhookSignature();
  const event = parseEvent(received.bytes);
  const isNew = await inTransaction(deps.database, async (transaction) => {
    if (!(await recordWebhookEvent(transaction, event.id))) return false;
    const change = await changeOf(transaction, event);
    if (change !== undefined) await writeOutbox(transaction, [change]);
    return true;
  });
  deps.runtime.log.info(
    { event_id: event.id, event_type: event.type, is_new: isNew },
    'webhook event received',
  );
  deps.outbox.wake();
}

function parseEvent(bytes: Uint8Array): WebhookEvent {
  const event = parseJson(new Uint8Array(bytes).buffer, 'application/json');
  if (!Value.Check(WebhookEvent, event)) throw new MalformedBody({ detail: 'Not an event of Stripe.' });
  return event;
}

/** The message to the worker about the payment or refund that an event is about; undefined where it has nothing to do. */
async function changeOf(
  transaction: Transaction,
  { type, data: { object } }: WebhookEvent,
): Promise<OutboxEntry | undefined> {
  if (type.startsWith('payment_intent.')) {
    const payment = await findPaymentByReference(transaction, PROVIDER, object.id ?? '');
    if (payment === undefined || !OPEN_STATES.includes(payment.state)) return undefined;
    const { id, version } = payment;
    return outboxEntry(
      PaymentChargeChanged,
      { payment_id: id },
      { aggregate: { type: 'payment', id, version }, actor: null },
    );
  }
  // `charge.refund.updated` is what older API versions call `refund.updated`.
  if (object.object !== 'refund') return undefined;
  const refund = await findRefund(transaction, object.metadata?.refund_id ?? '');
  if (refund?.state !== 'pending') return undefined;
  const { id } = refund;
  return outboxEntry(
    PaymentRefundChanged,
    { refund_id: id },
    { aggregate: { type: 'refund', id, version: 1 }, actor: null },
  );
}
