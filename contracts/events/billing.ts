import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';

/** A decimal number with as many digits after the point as the currency has, like `12.50`. */
const Amount = Type.String({ pattern: '^-?[0-9]{1,16}(\\.[0-9]{1,4})?$' });

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
    /** ISO 4217. */
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    lines: Type.Array(Type.Object({ description: Type.String({ maxLength: 300 }), amount: Amount }), {
      minItems: 1,
      maxItems: 100,
    }),
    paid_at: Timestamp,
  }),
});
