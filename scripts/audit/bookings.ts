import type { Pool, RowDataPacket } from 'mysql2/promise';
import { formatAmount } from '#kit/money/amounts';
import { restorationId } from '../../workers/payments/refund';
import type { Finding } from './check';

/** Payments per ledger query. */
const BATCH = 500;
const SHOWN_ROWS = 10;

/**
 * Reconciles payments with the ledger, which may be on another server: a successful payment has one transfer of its
 * amount, each successful refund has a reversal of its amount, what a refund took that never arrived is back on the account, and
 * no other payment has a transfer.
 *
 * Payments are read before the ledger, so that a payment which succeeds meanwhile is no violation; nor is one that is
 * refunded meanwhile, as only payments in a final state are checked for it.
 */
export async function compareBookings(payments: Pool, ledger: Pool): Promise<Finding[]> {
  const wrong: string[] = [];
  let afterId: Buffer = Buffer.alloc(16);
  for (;;) {
    const [rows] = await payments.query<RowDataPacket[]>(
      'select id, state, amount, currency, transfer_id from payments where id > ? order by id limit ?',
      [afterId, BATCH],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    afterId = last.id;
    const refunds = await refundsOf(
      payments,
      rows.map((row) => row.id),
    );
    const refundIds = [...refunds.values()].flat().map((row) => row.id);
    const externalIds = [...rows.map((row) => row.id), ...refundIds, ...refundIds.map(restorationOf)];
    const transfers = await transfersOf(ledger, externalIds);
    for (const row of rows) wrong.push(...problemsOf(row, refunds.get(hex(row.id)) ?? [], transfers));
  }
  if (wrong.length === 0) return [];
  return [
    {
      invariant: 'every successful payment has one transfer, and every successful refund a reversal',
      rows: wrong.slice(0, SHOWN_ROWS),
      count: wrong.length,
    },
  ];
}

/** The refunds of payments that were booked, by payment: successful ones, and those the provider could not make. An amount of null means the whole payment. */
async function refundsOf(
  payments: Pool,
  paymentIds: readonly Buffer[],
): Promise<Map<string, RowDataPacket[]>> {
  const [rows] = await payments.query<RowDataPacket[]>(
    `select id, payment_id, amount, state from refunds
      where (state = 'succeeded' or failure_code = 'provider.refund-failed') and payment_id in (?)`,
    [paymentIds],
  );
  return Map.groupBy(rows, (row) => hex(row.payment_id));
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

function problemsOf(
  payment: RowDataPacket,
  refunds: readonly RowDataPacket[],
  transfers: ReadonlyMap<string, RowDataPacket>,
): string[] {
  const id = hex(payment.id);
  const transfer = transfers.get(id);
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
  for (const refund of refunds) {
    const reversal = transfers.get(hex(refund.id));
    const amount = refund.amount ?? payment.amount;
    if (hex(reversal?.reverses) !== hex(transfer.id))
      problems.push(`${id}: refund ${hex(refund.id)} has no reversal`);
    else if (String(reversal?.amount) !== String(amount))
      problems.push(`${id}: the reversal of refund ${hex(refund.id)} has another amount`);
    const restored = transfers.get(hex(restorationOf(refund.id)));
    const expected = refund.state === 'succeeded' ? undefined : String(amount);
    if ((restored === undefined ? undefined : String(restored.amount)) !== expected)
      problems.push(`${id}: refund ${hex(refund.id)} is ${refund.state}, which its restoration contradicts`);
  }
  return problems;
}

const restorationOf = (refundId: Buffer): Buffer =>
  Buffer.from(restorationId(uuidText(refundId)).replaceAll('-', ''), 'hex');

function uuidText(id: Buffer): string {
  const digits = hex(id);
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20]].map((part) => digits.slice(...part)).join('-');
}

const amountOf = (row: RowDataPacket) => `${formatAmount(BigInt(row.amount), row.currency)} ${row.currency}`;
const hex = (bytes: unknown): string => (Buffer.isBuffer(bytes) ? bytes.toString('hex') : '');
