import { afterAll, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { pino } from 'pino';
import { Problem } from '#kit/errors/problem';
import type { MessageContext } from '#kit/messaging/delivery';
import { parseAmount } from '#kit/money/amounts';
import { compareBookings } from '../../scripts/audit/bookings';
import { entries, transfers } from '../../services/accounts/schema';
import { providerRefunds } from '../../services/payments/schema';
import { startAccounts } from '../../tests/support/accounts';
import { startPayments } from '../../tests/support/payments';
import type { PaymentsWorkerDeps } from './deps';
import { mockProvider } from './mock';
import { processPayment } from './payment';
import { processRefund } from './refund';

const PAYMENTS = 12;
const STEPS = 24;
const CONCURRENCY = 8;
const AMOUNT = 1_000;

const [accounts, payments] = await Promise.all([startAccounts(), startPayments()]);
afterAll(async () => {
  await payments.close();
  await accounts.close();
});
const deps: PaymentsWorkerDeps = {
  payments: payments.client,
  accounts: accounts.client,
  provider: mockProvider(payments.provider),
};
const context = { log: pino({ level: 'silent' }) } as unknown as MessageContext;
const payer = await payments.person();

/** `lost`: the worker dies after the ledger, so that another one repeats the refund. */
const step = fc.record({
  cents: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: AMOUNT / 2 })),
  process: fc.constantFrom('once', 'twice', 'later', 'lost'),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const REFUSALS = ['payment.refund-exceeds', 'payment.not-refundable'];
const decimal = (cents: number) => (cents / 100).toFixed(2);

async function succeededPayment(): Promise<string> {
  const { body } = await payments.call('POST', '/payments', {
    body: { amount: decimal(AMOUNT), currency: 'EUR', description: 'Stickers' },
    authorization: payer.authorization,
    headers: { 'idempotency-key': Bun.randomUUIDv7() },
  });
  await processPayment(deps, String(body.id), context);
  return String(body.id);
}

test('random partial refunds, concurrent and repeated, never exceed a payment and are booked exactly once', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const runs = fc.sample(fc.array(step, { minLength: STEPS, maxLength: STEPS }), { seed, numRuns: PAYMENTS });
  let granted = 0;
  let refused = 0;
  for (const steps of runs) {
    const id = await succeededPayment();
    const later: string[] = [];
    const queue = steps.values();
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (const each of queue) {
          const refundId = await request(id, each);
          if (refundId === undefined) refused++;
          else {
            granted++;
            if (!(await run(refundId, each))) later.push(refundId);
          }
        }
      }),
    );
    await Promise.all(later.map((refundId) => processRefund(deps, refundId, context)));
    await expectBookedOnce(id);
  }
  expect(granted).toBeGreaterThan(PAYMENTS);
  expect(refused).toBeGreaterThan(PAYMENTS);
  expect(await accounts.audit()).toEqual([]);
  expect(await payments.audit()).toEqual([]);
  expect(await compareBookings(payments.auditPool, accounts.auditPool)).toEqual([]);
}, 120_000);

test('the audit detects a refund that is booked with another amount, and one that is more than its payment', async () => {
  const id = await succeededPayment();
  const refundId = await request(id, { cents: 100, process: 'once' });
  await processRefund(deps, String(refundId), context);
  await payments.database.execute(
    sql`update refunds set amount = amount + 1 where state = 'succeeded' limit 1`,
  );
  expect(await compareBookings(payments.auditPool, accounts.auditPool)).toHaveLength(1);
  await payments.database.execute(sql`update refunds set amount = 100000 where state = 'succeeded' limit 1`);
  const promises = (await payments.audit()).map((finding) => finding.invariant);
  expect(promises).toContain(
    'successful refunds do not exceed their payment, which is refunded once they are all of it',
  );
});

/** @returns the refund's id; undefined when it was refused for what is left */
async function request(id: string, { cents }: Step): Promise<string | undefined> {
  const { status, body } = await payments.call('POST', `/payments/${id}/refunds`, {
    authorization: payer.authorization,
    body: cents === undefined ? {} : { amount: decimal(cents) },
  });
  if (status === 202) return String(body.id);
  expect([status, REFUSALS]).toEqual([409, expect.arrayContaining([body.code])]);
  return undefined;
}

/** @returns false when the refund has to be processed later */
async function run(refundId: string, { process: how }: Step): Promise<boolean> {
  if (how === 'later') return false;
  if (how === 'lost') {
    const dying = { ...deps, provider: { ...deps.provider, refund: lost } };
    await expect(processRefund(dying, refundId, context)).rejects.toBeInstanceOf(Problem);
    return false;
  }
  const times = how === 'twice' ? 2 : 1;
  await Promise.all(Array.from({ length: times }, () => processRefund(deps, refundId, context)));
  return true;
}

const lost = async () => {
  throw new Problem('dependency.unavailable', 503, 'Lost');
};

async function expectBookedOnce(id: string): Promise<void> {
  const { body } = await payments.call('GET', `/payments/${id}`, { authorization: payer.authorization });
  const refunds = body.refunds as { id: string; amount: string; status: string }[];
  const refunded = refunds
    .filter(({ status }) => status === 'succeeded')
    .reduce((sum, { amount }) => sum + parseAmount(amount, 'EUR'), 0n);
  expect(refunds.map(({ status }) => status)).not.toContain('pending');
  expect(refunded).toBeLessThanOrEqual(BigInt(AMOUNT));
  expect(parseAmount(String(body.amount), 'EUR') - refunded === 0n).toBe(body.status === 'refunded');
  const given = await payments.database
    .select()
    .from(providerRefunds)
    .where(eq(providerRefunds.chargeKey, id));
  expect(given.reduce((sum, { amount }) => sum + amount, 0n)).toBe(refunded);
  const [payment] = await accounts.database.select().from(transfers).where(eq(transfers.externalId, id));
  const reversals = await accounts.database
    .select()
    .from(transfers)
    .innerJoin(entries, eq(entries.transferId, transfers.id))
    .where(eq(transfers.reverses, String(payment?.id)));
  const debited = reversals.filter(({ entries: { amount } }) => amount < 0n);
  expect(debited.reduce((sum, { entries: { amount } }) => sum - amount, 0n)).toBe(refunded);
  expect(debited).toHaveLength(refunds.filter(({ status }) => status === 'succeeded').length);
}
