import type { Pool, RowDataPacket } from 'mysql2/promise';
import { formatAmount } from '#kit/money/amounts';
import type { Finding } from './check';

/** Payments looked up in the ledger at a time. */
const BATCH = 500;
const SHOWN_ROWS = 10;

/**
 * Compares payments with the ledger, which may lie on another server: what succeeded is booked once and of its amount,
 * what was given back is booked back, and nothing else is booked.
 *
 * Payments are read before the ledger, so that one which succeeds meanwhile is no finding; one that is given back
 * meanwhile is none either, as only payments that have come to rest are held to it.
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
    const booked = await transfersOf(ledger, rows.flatMap((row) => [row.id, row.refund_id ?? []]).flat());
    for (const row of rows) wrong.push(...problemsOf(row, booked));
  }
  if (wrong.length === 0) return [];
  return [
    {
      promise: 'every payment that succeeded is booked once, and what was given back is booked back',
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

function problemsOf(payment: RowDataPacket, booked: ReadonlyMap<string, RowDataPacket>): string[] {
  const id = hex(payment.id);
  const transfer = booked.get(id);
  const reversal = payment.refund_id === null ? undefined : booked.get(hex(payment.refund_id));
  const paid = payment.state === 'succeeded' || payment.state === 'refunded';
  if (!paid) {
    // In work it may be booked already, a step before it has succeeded.
    const early = transfer !== undefined && payment.state !== 'processing';
    return early ? [`${id}: ${payment.state}, and booked`] : [];
  }
  if (transfer === undefined) return [`${id}: ${payment.state}, and not booked`];
  const problems: string[] = [];
  if (hex(transfer.id) !== hex(payment.transfer_id)) problems.push(`${id}: booked as another transfer`);
  if (transfer.state !== 'posted') problems.push(`${id}: booked, and ${transfer.state}`);
  if (amountOf(transfer) !== amountOf(payment)) problems.push(`${id}: booked with another amount`);
  if (payment.state === 'refunded' && hex(reversal?.reverses) !== hex(transfer.id))
    problems.push(`${id}: refunded, and not booked back`);
  return problems;
}

const amountOf = (row: RowDataPacket) => `${formatAmount(BigInt(row.amount), row.currency)} ${row.currency}`;
const hex = (bytes: unknown): string => (Buffer.isBuffer(bytes) ? bytes.toString('hex') : '');
