import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { lineOfText } from '#kit/text/schema';

export const PaymentNotFound = defineProblem('payment.not-found', 404, 'Payment not found');
export const RefundNotFound = defineProblem('refund.not-found', 404, 'Refund not found');
export const PaymentNotCancelable = defineProblem(
  'payment.not-cancelable',
  409,
  'Payment is already processing or finished',
);
export const PaymentNotRefundable = defineProblem('payment.not-refundable', 409, 'Payment is not refundable');
export const RefundExceedsPayment = defineProblem(
  'payment.refund-exceeds',
  409,
  'Refund exceeds what is left of the payment',
);
export const InvalidTransition = defineProblem(
  'payment.wrong-state',
  409,
  'Payment state does not allow this transition',
);
export const PaymentAccountNotFound = defineProblem(
  'payment.account-not-found',
  422,
  'Account to credit not found among your accounts',
);
export const PaymentCurrencyMismatch = defineProblem(
  'payment.currency-mismatch',
  422,
  'Account to credit has another currency',
);
export const WebhookNotConfigured = defineProblem('webhook.not-configured', 404, 'Webhook not configured');
export const InvalidWebhookSignature = defineProblem(
  'webhook.invalid-signature',
  400,
  'Webhook signature missing, invalid or too old',
);
export const ChargeNotFound = defineProblem('charge.not-found', 404, 'Charge not found');
export const ChargeNotRefundable = defineProblem('charge.not-refundable', 409, 'Charge is not refundable');
export const ChargeKeyReused = defineProblem(
  'charge.key-reused',
  409,
  'Idempotency key already used for a different charge',
);
export const ProviderUnavailable = defineProblem('provider.unavailable', 503, 'Payment provider unavailable');

const Moment = Type.String({ format: 'date-time' });

/** The payment method of a payment that names none: with the mock a test method, otherwise the payer chooses it. */
export const DEFAULT_METHODS = { mock: 'pm_ok', stripe: 'automatic' } as const;

export const NewPayment = Type.Object({
  amount: Type.String({
    maxLength: 32,
    error: 'A positive decimal number as a string, such as "12.50"',
    examples: ['12.50'],
  }),
  currency: Currency,
  description: lineOfText({ max: 300 }, { examples: ['Rookery Plus, one year'] }),
  account_id: Type.Optional({
    ...Uuid,
    description:
      'An open account of yours in this currency; default: your account, which is opened if needed',
  }),
  payment_method: Type.Optional(
    Type.Union(
      [
        Type.String({
          pattern: '^pm_[a-z0-9_]{1,60}$',
          description: 'A test method of the mock: pm_ok (its default), pm_declined, pm_timeout, pm_flaky',
          examples: ['pm_ok'],
        }),
        Type.String({
          pattern: '^pm_[A-Za-z0-9_]{1,60}$',
          description:
            'A PaymentMethod of Stripe, which is charged; without one the payer chooses it when they confirm the payment',
          examples: ['pm_1SYkQd2eZvKYlo2C'],
        }),
      ],
      { error: 'A payment method of the provider, such as pm_ok' },
    ),
  ),
});
export type NewPayment = Static<typeof NewPayment>;

export const NewRefund = Type.Object({
  amount: Type.Optional(
    Type.String({
      maxLength: 32,
      error: 'A positive decimal number as a string, such as "5.00"',
      description: 'In the currency of the payment; default: everything that is left',
      examples: ['5.00'],
    }),
  ),
  reason: Type.Optional(lineOfText({ max: 300 }, { examples: ['One of two items was returned'] })),
});
export type NewRefund = Static<typeof NewRefund>;

export const Refund = Type.Object({
  id: Type.String(),
  payment_id: Type.String(),
  // Optional: a response that an earlier version stored for an Idempotency-Key is replayed without them.
  amount: Type.Optional(Type.String({ examples: ['5.00'] })),
  currency: Type.Optional(Type.String({ examples: ['EUR'] })),
  reason: Type.Optional(nullable(Type.String())),
  status: Type.Union([Type.Literal('pending'), Type.Literal('succeeded'), Type.Literal('failed')]),
  failure_code: nullable(Type.String()),
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
  // Optional like the fields of a refund.
  refunded_amount: Type.Optional(
    Type.String({
      description: 'Total of the successful refunds; `status` is `refunded` once it is the whole amount',
      examples: ['0.00'],
    }),
  ),
  currency: Type.String({ examples: ['EUR'] }),
  description: Type.String(),
  account_id: nullable(Type.String()),
  payment_method: Type.String({
    description: '`automatic`: the payer chooses it when they confirm the payment',
  }),
  failure_code: nullable(Type.String({ examples: ['card.declined'] })),
  transaction_id: nullable(Type.String({ description: 'The ledger transaction of a succeeded payment' })),
  created_at: Moment,
  updated_at: Moment,
});
export type Payment = Static<typeof Payment>;
export const PaymentPage = PageOf(Payment);

export const PaymentWithRefunds = Type.Composite([
  Payment,
  Type.Object({
    refunds: Type.Array(Refund),
    client_secret: Type.Optional(
      Type.String({
        description:
          "For the payer, while the payment is processing: their app confirms it with this and Stripe's libraries " +
          '(`confirmPayment`). Neither log nor store it',
      }),
    ),
  }),
]);
export type PaymentWithRefunds = Static<typeof PaymentWithRefunds>;
