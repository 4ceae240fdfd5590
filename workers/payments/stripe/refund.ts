import type Stripe from 'stripe';
import { PermanentError } from '#kit/messaging/delivery';
import type { Refund, RefundOutcome } from '../provider';
import { stripeAmount } from './amounts';
import { refusalOf, type StripeApi } from './api';

/**
 * Refunds an amount of an intent once. The refunds of the intent are read first: Stripe forgets an idempotency key after a
 * day, and the refund never.
 */
export async function stripeRefund(api: StripeApi, refund: Refund): Promise<RefundOutcome> {
  const { reference, currency } = refund.charge;
  const amount = stripeAmount(refund.amount, currency);
  if (reference === undefined) throw new PermanentError('the charge of the refund was never recorded');
  // A part that Stripe cannot refund exactly, of a currency with three decimals.
  if (amount === undefined) return 'failed';
  const earlier = await api.call('list-refunds', (stripe) => findRefund(stripe, reference, refund.key));
  if (earlier !== undefined) return outcomeOf(earlier);
  try {
    const created = await api.call('refund', (stripe) =>
      stripe.refunds.create(
        { payment_intent: reference, amount, metadata: { refund_id: refund.key } },
        { idempotencyKey: `refund-${refund.key}` },
      ),
    );
    return outcomeOf(created);
  } catch (failure) {
    const refusal = refusalOf(failure);
    if (refusal === undefined) throw failure;
    // An operator decides: it was refunded in Stripe's dashboard, or there is a dispute.
    throw new PermanentError(`the payment provider has refused the refund: ${refusal.code}`);
  }
}

async function findRefund(
  stripe: Stripe,
  reference: string,
  key: string,
): Promise<Stripe.Refund | undefined> {
  for await (const refund of stripe.refunds.list({ payment_intent: reference, limit: 100 }))
    if (refund.metadata?.refund_id === key) return refund;
  return undefined;
}

function outcomeOf({ status }: Stripe.Refund): RefundOutcome {
  if (status === 'succeeded') return 'succeeded';
  return status === 'failed' || status === 'canceled' ? 'failed' : 'pending';
}
