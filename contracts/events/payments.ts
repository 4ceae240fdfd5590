import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';
import { Amount, Currency } from '#contracts/money';

/** Replaces the id of a payer who has been erased. */
export const ERASED_PAYER = '00000000-0000-0000-0000-000000000000';

const payment = { payment_id: Uuid, user_id: Uuid, amount: Amount, currency: Currency };

/** The reason of a failure, like `card.declined` or `account.insufficient-funds`. */
const FailureCode = Type.String({ pattern: '^[a-z-]+\\.[a-z-]+$', maxLength: 80 });

/** The queue of the payments worker. */
const worker = ['payments'];

export const PaymentCreated = defineEvent({
  name: 'payment.created',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object(payment),
});

export const PaymentProcessing = defineEvent({
  name: 'payment.processing',
  version: 1,
  exchange: 'payments',
  data: Type.Object(payment),
});

/** A payment has succeeded: the money is on the account. Published once per payment. */
export const PaymentSucceeded = defineEvent({
  name: 'payment.succeeded',
  version: 1,
  exchange: 'payments',
  consumers: ['billing', 'notifications'],
  personal: true,
  data: Type.Object({
    ...payment,
    /** 300 characters as people count them, of up to eight UTF-16 code units each. */
    description: Type.String({ maxLength: 2_400 }),
    transfer_id: Uuid,
    succeeded_at: Timestamp,
  }),
});

export const PaymentFailed = defineEvent({
  name: 'payment.failed',
  version: 1,
  exchange: 'payments',
  consumers: ['notifications'],
  data: Type.Object({ ...payment, failure_code: FailureCode }),
});

export const PaymentCanceled = defineEvent({
  name: 'payment.canceled',
  version: 1,
  exchange: 'payments',
  data: Type.Object(payment),
});

/** A payment has not finished in time; the worker checks it again. */
export const PaymentOverdue = defineEvent({
  name: 'payment.overdue',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object({ payment_id: Uuid }),
});

/** The provider has reported a change of a payment's charge; the worker asks it for the current state. */
export const PaymentChargeChanged = defineEvent({
  name: 'payment.charge-changed',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object({ payment_id: Uuid }),
});

/** `amount` is that of the payment. `refund_amount` is that of the refund; absent means the whole payment. */
const refund = { ...payment, refund_id: Uuid, refund_amount: Type.Optional(Amount) };

export const PaymentRefundRequested = defineEvent({
  name: 'payment.refund-requested',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object(refund),
});

export const PaymentRefundFailed = defineEvent({
  name: 'payment.refund-failed',
  version: 1,
  exchange: 'payments',
  data: Type.Object({ ...refund, failure_code: FailureCode }),
});

export const PaymentRefundOverdue = defineEvent({
  name: 'payment.refund-overdue',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object({ refund_id: Uuid }),
});

/** The provider has reported a change of a refund; the worker asks it for the current state. */
export const PaymentRefundChanged = defineEvent({
  name: 'payment.refund-changed',
  version: 1,
  exchange: 'payments',
  consumers: worker,
  data: Type.Object({ refund_id: Uuid }),
});

/** A part of a payment has been refunded, and a part is left. Published once per such refund. */
export const PaymentPartiallyRefunded = defineEvent({
  name: 'payment.partially-refunded',
  version: 1,
  exchange: 'payments',
  data: Type.Object({ ...refund, refund_amount: Amount, refunded_amount: Amount }),
});

/** All of a payment has been refunded. Published once per payment. */
export const PaymentRefunded = defineEvent({
  name: 'payment.refunded',
  version: 1,
  exchange: 'payments',
  consumers: ['notifications'],
  data: Type.Object(refund),
});
