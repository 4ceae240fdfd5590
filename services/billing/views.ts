import { formatAmount } from '#kit/money/amounts';
import type { Invoice } from './model';
import type { InvoiceRow } from './store';

export const invoiceView = (invoice: InvoiceRow): Invoice => ({
  id: invoice.id,
  number: invoice.number,
  user_id: invoice.userId,
  payment_id: invoice.paymentId,
  status: invoice.state,
  amount: formatAmount(invoice.amount, invoice.currency),
  currency: invoice.currency,
  lines: invoice.lines.map(({ description, amount }) => ({ description, amount })),
  created_at: invoice.createdAt.toISOString(),
  paid_at: invoice.paidAt?.toISOString() ?? null,
});
