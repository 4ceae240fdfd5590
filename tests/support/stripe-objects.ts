import { uniqueName } from './servers';

/** `response-lost`: it takes effect, and is answered with an error. */
export type Fault = 'unavailable' | 'rate-limited' | 'response-lost';

type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'succeeded'
  | 'canceled';

/** The members of a PaymentIntent that are read. https://docs.stripe.com/api/payment_intents/object */
export interface Intent {
  readonly id: string;
  readonly object: 'payment_intent';
  readonly client_secret: string;
  amount: number;
  readonly currency: string;
  readonly metadata: Record<string, string>;
  status: IntentStatus;
  amount_received: number;
  last_payment_error: { code: string } | null;
  latest_charge: { id: string; refunded: boolean } | null;
}

/** https://docs.stripe.com/api/refunds/object */
export interface StripeRefund {
  readonly id: string;
  readonly object: 'refund';
  readonly payment_intent: string;
  readonly amount: number;
  readonly metadata: Record<string, string>;
  status: 'pending' | 'succeeded' | 'failed';
}

export class StripeRefusal extends Error {
  constructor(
    readonly status: number,
    readonly error: { type: string; code?: string; param?: string },
  ) {
    super('refused');
  }
}

const invalid = (code: string, param?: string) =>
  new StripeRefusal(400, { type: 'invalid_request_error', code, ...(param !== undefined && { param }) });

/** https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in minor units. */
const MINIMUM: Readonly<Record<string, number>> = { eur: 50, jpy: 50, kwd: 50 };
const THREE_DECIMALS = new Set(['bhd', 'jod', 'kwd', 'omr', 'tnd']);
const CANCELABLE: readonly IntentStatus[] = [
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
];
/** Refunds of intents with this metadata are `pending` until they are settled. */
export const SLOW_REFUND_CENTS = 7_77;

/** The intents and refunds of the stand-in (`startStripe`), with Stripe's state machine. */
export function createIntents() {
  const intents = new Map<string, Intent>();
  const refunds: StripeRefund[] = [];

  const intentOf = (id = '') => {
    const intent = intents.get(id);
    if (intent === undefined)
      throw new StripeRefusal(404, { type: 'invalid_request_error', code: 'resource_missing' });
    return intent;
  };

  function create(form: URLSearchParams): Intent {
    const [amount, currency] = [Number(form.get('amount')), form.get('currency') ?? ''];
    if (!Number.isSafeInteger(amount)) throw invalid('parameter_invalid_integer', 'amount');
    if (amount < (MINIMUM[currency] ?? 1)) throw invalid('amount_too_small', 'amount');
    if (!/^[a-z]{3}$/.test(currency)) throw invalid('parameter_invalid_empty', 'currency');
    if (THREE_DECIMALS.has(currency) && amount % 10 !== 0)
      throw invalid('parameter_invalid_integer', 'amount');
    if (form.get('confirm') !== null) throw invalid('parameter_unknown', 'confirm');
    const id = uniqueName('pi').replace('-', '_');
    const intent: Intent = {
      id,
      object: 'payment_intent',
      client_secret: `${id}_secret_${uniqueName('s')}`,
      amount,
      currency,
      metadata: metadataIn(form),
      status: 'requires_payment_method',
      amount_received: 0,
      last_payment_error: null,
      latest_charge: null,
    };
    intents.set(id, intent);
    return intent;
  }

  function confirm(intent: Intent, method: string): Intent {
    if (!['requires_payment_method', 'requires_confirmation'].includes(intent.status))
      throw invalid('payment_intent_unexpected_state');
    switch (method) {
      case 'pm_card_visa':
        return succeed(intent);
      case 'pm_card_chargeDeclined':
        intent.last_payment_error = { code: 'card_declined' };
        throw new StripeRefusal(402, { type: 'card_error', code: 'card_declined' });
      case 'pm_card_threeDSecure':
        return Object.assign(intent, { status: 'requires_action' });
      case 'pm_sepa_debit':
        return Object.assign(intent, { status: 'processing' });
      default:
        throw invalid('resource_missing', 'payment_method');
    }
  }

  const succeed = (intent: Intent): Intent =>
    Object.assign(intent, {
      status: 'succeeded',
      amount_received: intent.amount,
      latest_charge: { id: uniqueName('ch').replace('-', '_'), refunded: false },
    });

  function cancel(intent: Intent): Intent {
    if (!CANCELABLE.includes(intent.status)) throw invalid('payment_intent_unexpected_state');
    return Object.assign(intent, { status: 'canceled' });
  }

  function refund(form: URLSearchParams): StripeRefund {
    const intent = intentOf(form.get('payment_intent') ?? '');
    const amount = Number(form.get('amount'));
    const before = refundedOf(intent.id);
    if (intent.status !== 'succeeded') throw invalid('charge_not_refundable');
    if (before + amount > intent.amount)
      throw invalid(before === intent.amount ? 'charge_already_refunded' : 'amount_too_large');
    if (intent.latest_charge) intent.latest_charge.refunded = before + amount === intent.amount;
    const created: StripeRefund = {
      id: uniqueName('re').replace('-', '_'),
      object: 'refund',
      payment_intent: intent.id,
      amount,
      metadata: metadataIn(form),
      status: amount === SLOW_REFUND_CENTS ? 'pending' : 'succeeded',
    };
    refunds.push(created);
    return created;
  }

  const refundedOf = (id: string) =>
    refunds
      .filter(({ payment_intent, status }) => payment_intent === id && status !== 'failed')
      .reduce((sum, { amount }) => sum + amount, 0);

  return {
    intents,
    refunds,
    handle(operation: string, pathname: string, form: URLSearchParams): unknown {
      const id = pathname.split('/')[3];
      switch (operation) {
        case 'create':
          return create(form);
        case 'retrieve':
          return intentOf(id);
        case 'confirm':
          return confirm(intentOf(id), form.get('payment_method') ?? '');
        case 'cancel':
          return cancel(intentOf(id));
        case 'refund':
          return refund(form);
        default: {
          const of = form.get('payment_intent');
          const data = refunds.filter(({ payment_intent }) => payment_intent === of);
          return { object: 'list', url: '/v1/refunds', has_more: false, data };
        }
      }
    },
    confirmByPayer(clientSecret: string, method = 'pm_card_visa'): Intent {
      const intent = [...intents.values()].find(({ client_secret }) => client_secret === clientSecret);
      if (intent === undefined) throw invalid('resource_missing');
      // What the bank's page decides, where it has asked for one.
      return intent.status === 'requires_action' ? succeed(intent) : confirm(intent, method);
    },
    settleRefund(id: string, status: 'succeeded' | 'failed'): StripeRefund {
      const found = refunds.find((each) => each.metadata.refund_id === id);
      if (found === undefined) throw invalid('resource_missing');
      return Object.assign(found, { status });
    },
  };
}

function metadataIn(form: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    [...form].flatMap(([name, value]) => {
      const [, key] = /^metadata\[(\w+)\]$/.exec(name) ?? [];
      return key === undefined ? [] : [[key, value]];
    }),
  );
}
