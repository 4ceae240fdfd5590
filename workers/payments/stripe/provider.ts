import type Stripe from 'stripe';
import { PermanentError } from '#kit/messaging/delivery';
import type { Charge, ChargeOutcome, OpenedCharge, Provider, RecordedCharge } from '../provider';
import { stripeAmount } from './amounts';
import { refusalOf, type StripeApi } from './api';
import { stripeRefund } from './refund';

/** Of a payment that names no method: the payer chooses one when they confirm. */
const AUTOMATIC = 'automatic';
/** The charge tells whether it was refunded; the intent stays `succeeded`. */
const EXPAND = ['latest_charge'];

/**
 * Stripe as a provider. A charge is a PaymentIntent (https://docs.stripe.com/api/payment_intents), which is created
 * without being confirmed, so that a lost response costs nothing: only the recorded one is ever confirmed, by this worker
 * with the payment method that the payer named, or by the payer's app with the client secret.
 */
export function stripeProvider(api: StripeApi): Provider {
  async function find({ reference, ...charge }: RecordedCharge): Promise<ChargeOutcome | undefined> {
    return reference === undefined ? undefined : outcomeOf(await retrieve(api, { ...charge, reference }));
  }
  return {
    name: 'stripe',
    open: (charge) => createIntent(api, charge),
    charge: (charge) => settle(api, charge),
    find,
    async cancel({ reference, ...charge }) {
      return reference === undefined ? 'canceled' : cancelIntent(api, { ...charge, reference });
    },
    refund: (refund) => stripeRefund(api, refund),
  };
}

async function createIntent(api: StripeApi, charge: Charge): Promise<OpenedCharge | { rejection: string }> {
  const amount = stripeAmount(charge.amount, charge.currency);
  if (amount === undefined) return { rejection: 'provider.amount-unsupported' };
  try {
    const intent = await api.call('create', (stripe) =>
      stripe.paymentIntents.create(
        {
          amount,
          currency: charge.currency.toLowerCase(),
          // This worker has no browser to be redirected.
          automatic_payment_methods:
            charge.paymentMethod === AUTOMATIC
              ? { enabled: true }
              : { enabled: true, allow_redirects: 'never' },
          metadata: { payment_id: charge.key },
        },
        { idempotencyKey: `create-${charge.key}` },
      ),
    );
    return {
      reference: intent.id,
      ...(intent.client_secret !== null && { clientSecret: intent.client_secret }),
    };
  } catch (failure) {
    // Like an amount below Stripe's minimum, or a currency that the account does not take.
    if (refusalOf(failure) !== undefined) return { rejection: 'provider.rejected' };
    throw failure;
  }
}

/** Confirms an intent unless it has been; then, and when the payer confirms it, finds out what has become of it. */
async function settle(api: StripeApi, charge: Charge & OpenedCharge): Promise<ChargeOutcome> {
  const intent = await retrieve(api, charge);
  if (charge.paymentMethod === AUTOMATIC || !isUnconfirmed(intent)) return outcomeOf(intent);
  // The payer's method was declined, by this worker or at their bank's page: there is no other to try.
  if (intent.last_payment_error) return cancelIntent(api, charge);
  try {
    const confirmed = await api.call('confirm', (stripe) =>
      stripe.paymentIntents.confirm(
        charge.reference,
        { payment_method: charge.paymentMethod, expand: EXPAND },
        { idempotencyKey: `confirm-${charge.key}` },
      ),
    );
    return outcomeOf(confirmed);
  } catch (failure) {
    if (refusalOf(failure) === undefined) throw failure;
    // Declined, no such method, or confirmed meanwhile: canceling decides it, and what has succeeded is not canceled.
    const outcome = await cancelIntent(api, charge);
    return outcome === 'canceled' ? 'declined' : outcome;
  }
}

async function cancelIntent(api: StripeApi, charge: Charge & OpenedCharge): Promise<ChargeOutcome> {
  try {
    return outcomeOf(
      await api.call('cancel', (stripe) =>
        stripe.paymentIntents.cancel(charge.reference, { expand: EXPAND }),
      ),
    );
  } catch (failure) {
    if (refusalOf(failure) === undefined) throw failure;
    // It is not in a state that can be canceled.
    return outcomeOf(await retrieve(api, charge));
  }
}

/** @throws PermanentError for an intent that is not of this payment, as it stands in our own records */
async function retrieve(api: StripeApi, charge: Charge & OpenedCharge): Promise<Stripe.PaymentIntent> {
  const intent = await api.call('retrieve', (stripe) =>
    stripe.paymentIntents.retrieve(charge.reference, { expand: EXPAND }),
  );
  const isOurs =
    intent.metadata.payment_id === charge.key &&
    intent.amount === stripeAmount(charge.amount, charge.currency) &&
    intent.currency === charge.currency.toLowerCase();
  if (!isOurs) throw new PermanentError('the charge at the payment provider differs from its payment');
  return intent;
}

const isUnconfirmed = ({ status }: Stripe.PaymentIntent): boolean =>
  status === 'requires_payment_method' || status === 'requires_confirmation';

function outcomeOf(intent: Stripe.PaymentIntent): ChargeOutcome {
  if (intent.status === 'canceled') return intent.last_payment_error ? 'declined' : 'canceled';
  if (intent.status !== 'succeeded') return 'waiting';
  const { latest_charge: charge } = intent;
  if (intent.amount_received !== intent.amount)
    throw new PermanentError('the payment provider has received another amount');
  return typeof charge === 'object' && charge?.refunded ? 'refunded' : 'succeeded';
}
