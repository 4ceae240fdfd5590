import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';
import { Amount, Currency } from '#contracts/money';

/** An invoice has been paid. Published once per invoice. */
export const InvoicePaid = defineEvent({
  name: 'invoice.paid',
  version: 1,
  exchange: 'billing.events',
  publishers: ['billing'],
  consumers: ['mail'],
  personal: true,
  data: Type.Object({
    invoice_id: Uuid,
    /** As printed on the invoice. */
    number: Type.String({ minLength: 1, maxLength: 40 }),
    /** The payer, who receives the mail. */
    user_id: Uuid,
    amount: Amount,
    currency: Currency,
    /** 300 characters as people count them, of up to eight UTF-16 code units each. */
    lines: Type.Array(Type.Object({ description: Type.String({ maxLength: 2_400 }), amount: Amount }), {
      minItems: 1,
      maxItems: 100,
    }),
    paid_at: Timestamp,
  }),
});
