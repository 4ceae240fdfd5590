import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const PaymentNotFound = defineProblem('payment.not-found', 404, 'There is no such payment');
export const RefundNotFound = defineProblem('refund.not-found', 404, 'There is no such refund');
export const PaymentNotCancelable = defineProblem(
  'payment.not-cancelable',
  409,
  'The payment is in work or has ended: it cannot be canceled any more',
);
export const PaymentNotRefundable = defineProblem(
  'payment.not-refundable',
  409,
  'Only a payment that succeeded can be given back, and only once',
);
export const WrongState = defineProblem(
  'payment.wrong-state',
  409,
  'The payment is in another state than this step needs',
);
export const ChargeNotFound = defineProblem('charge.not-found', 404, 'There is no such charge');
export const ChargeNotRefundable = defineProblem(
  'charge.not-refundable',
  409,
  'Nothing was charged that could be given back',
);
export const ChargeKeyReused = defineProblem(
  'charge.key-reused',
  409,
  'This key belongs to a charge of something else',
);
export const ProviderUnavailable = defineProblem(
  'provider.unavailable',
  503,
  'The payment provider has a hiccup',
);

const Moment = Type.String({ format: 'date-time' });
const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

/** What is used where nothing is said; one of the provider's test methods. */
export const DEFAULT_METHOD = 'pm_ok';

export const NewPayment = Type.Object({
  amount: Type.String({
    maxLength: 32,
    error: 'A positive decimal number as text, like "12.50"',
    examples: ['12.50'],
  }),
  currency: Currency,
  description: Type.String({
    minLength: 1,
    maxLength: 300,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
    error: 'One to 300 characters on one line',
    examples: ['Rookery Plus, one year'],
  }),
  account_id: Type.Optional(Uuid),
  payment_method: Type.Optional(
    Type.String({
      pattern: '^pm_[a-z0-9_]{1,60}$',
      error: 'A payment method of the provider, like pm_ok',
      description: 'For tests: pm_ok, pm_declined, pm_timeout, pm_flaky',
      examples: ['pm_ok'],
    }),
  ),
});
export type NewPayment = Static<typeof NewPayment>;

export const Refund = Type.Object({
  id: Type.String(),
  payment_id: Type.String(),
  status: Type.Union([Type.Literal('pending'), Type.Literal('succeeded'), Type.Literal('failed')]),
  failure_code: Nullable(Type.String()),
  created_at: Moment,
});
export type Refund = Static<typeof Refund>;

export const Payment = Type.Object({
  id: Type.String(),
  status: Type.Union([
    Type.Literal('pending'),
    Type.Literal('processing'),
    Type.Literal('succeeded'),
    Type.Literal('failed'),
    Type.Literal('canceled'),
    Type.Literal('refunded'),
  ]),
  amount: Type.String({ examples: ['12.50'] }),
  currency: Type.String({ examples: ['EUR'] }),
  description: Type.String(),
  account_id: Nullable(Type.String()),
  payment_method: Type.String(),
  failure_code: Nullable(Type.String({ examples: ['card.declined'] })),
  transaction_id: Nullable(Type.String({ description: "The ledger's, once it succeeded" })),
  created_at: Moment,
  updated_at: Moment,
});
export type Payment = Static<typeof Payment>;
export const PaymentPage = PageOf(Payment);

/** One payment, with what was done to give it back. */
export const PaymentWithRefunds = Type.Composite([Payment, Type.Object({ refunds: Type.Array(Refund) })]);
export type PaymentWithRefunds = Static<typeof PaymentWithRefunds>;
