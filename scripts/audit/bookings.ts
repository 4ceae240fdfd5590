import type { Pool, RowDataPacket } from 'mysql2/promise';
import { formatAmount } from '#kit/money/amounts';
import type { Finding } from './check';

/** Payments per ledger query. */
const BATCH = 500;
const SHOWN_ROWS = 10;

/**
 * Reconciles payments with the ledger, which may be on another server: a successful payment has one transfer of its
 * amount, a refunded one has a reversal, and no other payment has a transfer.
 *
 * Payments are read before the ledger, so that a payment which succeeds meanwhile is no violation; nor is one that is
 * refunded meanwhile, as only payments in a final state are checked for it.
 */
export async function compareBookings(payments: Pool, ledger: Pool): Promise<Finding[]> {
  const wrong: string[] = [];
  let afterId: Buffer = Buffer.alloc(16);
  for (;;) {
    const [rows] = await payments.query<RowDataPacket[]>(
      `select payments.id, payments.state, amount, currency, transfer_id, refunds.id as refund_id
         from payments left join refunds on payment_id = payments.id and refunds.state in ('pending', 'succeeded')
        where payments.id > ? order by payments.id limit ?`,
      [afterId, BATCH],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    afterId = last.id;
    const transfers = await transfersOf(ledger, rows.flatMap((row) => [row.id, row.refund_id ?? []]).flat());
    for (const row of rows) wrong.push(...problemsOf(row, transfers));
  }
  if (wrong.length === 0) return [];
  return [
    {
      invariant: 'every successful payment has one transfer, and every refunded one a reversal',
      rows: wrong.slice(0, SHOWN_ROWS),
      count: wrong.length,
    },
  ];
}

async function transfersOf(
  ledger: Pool,
  externalIds: readonly Buffer[],
): Promise<Map<string, RowDataPacket>> {
  const [rows] = await ledger.query<RowDataPacket[]>(
    'select id, external_id, amount, currency, state, kind, reverses from transfers where external_id in (?)',
    [externalIds],
  );
  return new Map(rows.map((row) => [hex(row.external_id), row]));
}

function problemsOf(payment: RowDataPacket, transfers: ReadonlyMap<string, RowDataPacket>): string[] {
  const id = hex(payment.id);
  const transfer = transfers.get(id);
  const reversal = payment.refund_id === null ? undefined : transfers.get(hex(payment.refund_id));
  const paid = payment.state === 'succeeded' || payment.state === 'refunded';
  if (!paid) {
    // While processing, the transfer is posted one step before the payment succeeds.
    const isUnexpected = transfer !== undefined && payment.state !== 'processing';
    return isUnexpected ? [`${id}: ${payment.state}, but has a transfer`] : [];
  }
  if (transfer === undefined) return [`${id}: ${payment.state}, but has no transfer`];
  const problems: string[] = [];
  if (hex(transfer.id) !== hex(payment.transfer_id)) problems.push(`${id}: has another transfer`);
  if (transfer.state !== 'posted') problems.push(`${id}: the transfer is ${transfer.state}`);
  if (amountOf(transfer) !== amountOf(payment)) problems.push(`${id}: the transfer has another amount`);
  if (payment.state === 'refunded' && hex(reversal?.reverses) !== hex(transfer.id))
    problems.push(`${id}: refunded, but has no reversal`);
  return problems;
}

const amountOf = (row: RowDataPacket) => `${formatAmount(BigInt(row.amount), row.currency)} ${row.currency}`;
const hex = (bytes: unknown): string => (Buffer.isBuffer(bytes) ? bytes.toString('hex') : '');
