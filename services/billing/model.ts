import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { lineOfText } from '#kit/text/schema';

export const InvoiceNotFound = defineProblem('invoice.not-found', 404, 'Invoice not found');

const Moment = Type.String({ format: 'date-time' });

const Line = Type.Object({
  description: lineOfText({ max: 300 }, { examples: ['Rookery Plus, one year'] }),
  amount: Type.String({
    maxLength: 32,
    error: 'A positive decimal number as a string, such as "12.50"',
    examples: ['12.50'],
  }),
});

export const NewInvoice = Type.Object({
  user_id: Type.Optional(Uuid),
  currency: Currency,
  lines: Type.Array(Line, { minItems: 1, maxItems: 100 }),
});
export type NewInvoice = Static<typeof NewInvoice>;

export const Invoice = Type.Object({
  id: Type.String(),
  number: Type.String({ examples: ['2026-000017'] }),
  user_id: nullable(Type.String()),
  payment_id: nullable(Type.String()),
  status: Type.Union([Type.Literal('open'), Type.Literal('paid')]),
  amount: Type.String({ examples: ['12.50'] }),
  currency: Type.String(),
  lines: Type.Array(Type.Object({ description: Type.String(), amount: Type.String() })),
  created_at: Moment,
  paid_at: nullable(Moment),
});
export type Invoice = Static<typeof Invoice>;
export const InvoicePage = PageOf(Invoice);
