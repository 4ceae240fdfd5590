import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';
import { Amount, Currency } from '#contracts/money';

/** Published once for each invoice. */
export const InvoicePaid = defineEvent({
  name: 'invoice.paid',
  version: 1,
  exchange: 'billing.events',
  consumers: ['mail'],
  data: Type.Object({
    invoice_id: Uuid,
    /** As people read it on the invoice. */
    number: Type.String({ minLength: 1, maxLength: 40 }),
    /** Who paid, and is written to. */
    user_id: Uuid,
    amount: Amount,
    currency: Currency,
    lines: Type.Array(Type.Object({ description: Type.String({ maxLength: 300 }), amount: Amount }), {
      minItems: 1,
      maxItems: 100,
    }),
    paid_at: Timestamp,
  }),
});
