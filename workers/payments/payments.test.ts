import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { PaymentCreated, PaymentRefundRequested } from '#contracts/events/payments';
import type { EventDefinition } from '#contracts/messages';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { compareBookings } from '../../scripts/audit/bookings';
import { closeAccountsOf } from '../../services/accounts/service';
import { payments as paymentRows, providerCharges } from '../../services/payments/schema';
import { startAccounts } from '../../tests/support/accounts';
import { eventually } from '../../tests/support/eventually';
import { isolated } from '../../tests/support/mail';
import { startPayments } from '../../tests/support/payments';
import { amqpUrl, testRuntime, uniqueName } from '../../tests/support/servers';
import { paymentsWorker } from '.';
import type { PaymentsWorkerDeps } from './deps';
import { mockProvider } from './mock';

const accounts = await startAccounts();
const payments = await startPayments({ accounts: accounts.client });
const rabbit = openRabbit(payments.runtime, { urls: [amqpUrl()], required: true });
await eventually(() => rabbit.connected);
const deps: PaymentsWorkerDeps = {
  payments: payments.client,
  accounts: accounts.client,
  provider: mockProvider(payments.provider),
};
const queue = uniqueName('payments-worker');
const runtime = testRuntime('payments-worker');
startWorker(queue);
afterAll(async () => {
  expect(await accounts.audit()).toEqual([]);
  expect(await payments.audit()).toEqual([]);
  expect(await compareBookings(payments.auditPool, accounts.auditPool)).toEqual([]);
  await runtime.close();
  await payments.close();
  await accounts.close();
});

/** Consumes a queue of this test's own, with short retry delays. */
function startWorker(name: string): void {
  const worker = paymentsWorker(deps);
  consumeEvents(runtime, rabbit, {
    consumer: name,
    events: worker.source.events.map((event) => isolated(event, name)),
    prefetch: worker.concurrency,
    handle: worker.handle,
    retryDelaysMs: [50, 200, 1_000],
  });
}

interface Payer {
  readonly id: string;
  readonly authorization: string;
}

async function pay(payer: Payer, body: object = {}): Promise<string> {
  const accepted = await payments.call('POST', '/payments', {
    body: { amount: '12.50', currency: 'EUR', description: 'Stickers', ...body },
    authorization: payer.authorization,
    headers: { 'idempotency-key': Bun.randomUUIDv7() },
  });
  expect(accepted.status).toBe(202);
  return String(accepted.body.id);
}

async function requestRefund(payer: Payer, id: string, amount?: string): Promise<void> {
  const { status } = await payments.call('POST', `/payments/${id}/refunds`, {
    authorization: payer.authorization,
    ...(amount !== undefined && { body: { amount } }),
  });
  expect(status).toBe(202);
}

/** Publishes the latest event of this kind of a payment to the queue. */
async function publish(name: string, event: EventDefinition, id: string): Promise<void> {
  const message = (await payments.eventsOf(id)).findLast((each) => each.name === event.name);
  await rabbit.publish(isolated(event, name), {
    id: Bun.randomUUIDv7(),
    body: Buffer.from(JSON.stringify(message)),
  });
}

const read = async (payer: Payer, id: string) =>
  (await payments.call('GET', `/payments/${id}`, { authorization: payer.authorization })).body;
const reached = (payer: Payer, id: string, status: string) =>
  eventually(async () => (await read(payer, id)).status === status);
async function balanceOf({ id }: Payer): Promise<unknown> {
  // Each of the two services under test has a token issuer of its own.
  const authorization = await accounts.tokens.authorization({ id, username: 'payer' });
  return (await accounts.call('GET', `/accounts/user/${id}`, { authorization })).body.balance;
}
const chargesOf = (id: string) =>
  payments.database.select().from(providerCharges).where(eq(providerCharges.idempotencyKey, id));

async function publishedPayment(body: object = {}, name = queue) {
  const payer = await payments.person();
  const id = await pay(payer, body);
  await publish(name, PaymentCreated, id);
  return { payer, id };
}

describe('a payment', () => {
  test.each(['pm_ok', 'pm_timeout', 'pm_flaky'])(
    'with %s succeeds, charged and posted once',
    async (method) => {
      const { payer, id } = await publishedPayment({ payment_method: method });
      await reached(payer, id, 'succeeded');
      await publish(queue, PaymentCreated, id);
      const after = await publishedPayment();
      await reached(after.payer, after.id, 'succeeded');
      expect(await balanceOf(payer)).toBe('12.50');
      expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['succeeded']);
      const names = (await payments.eventsOf(id)).map(({ name }) => name);
      expect(names).toEqual(['payment.created', 'payment.processing', 'payment.succeeded']);
    },
  );

  test('with pm_declined fails, and nothing is posted', async () => {
    const { payer, id } = await publishedPayment({ payment_method: 'pm_declined' });
    await reached(payer, id, 'failed');
    expect(await read(payer, id)).toMatchObject({ failure_code: 'card.declined', transaction_id: null });
    expect(await balanceOf(payer)).toBe('0.00');
  });

  test('accepted by a version that did not check its account fails before it is charged', async () => {
    const other = await accounts.holder();
    const payer = await payments.person();
    for (const accountId of [other.accountId, Bun.randomUUIDv7()]) {
      const id = await pay(payer);
      await payments.database.update(paymentRows).set({ accountId }).where(eq(paymentRows.id, id));
      await publish(queue, PaymentCreated, id);
      await reached(payer, id, 'failed');
      expect((await read(payer, id)).failure_code).toBe('account.not-found');
      expect(await chargesOf(id)).toEqual([]);
    }
  });

  test('whose account is closed after the charge fails, and the charge is refunded', async () => {
    const payer = await payments.person();
    const { account } = await accounts.client.openAccount({ user_id: payer.id, currency: 'EUR' });
    const id = await pay(payer, { account_id: account?.id });
    await deps.payments.beginPayment({ payment_id: id });
    await deps.provider.charge({
      key: id,
      reference: id,
      paymentMethod: 'pm_ok',
      amount: '12.50',
      currency: 'EUR',
    });
    await closeAccountsOf(accounts.deps, payer.id);
    await publish(queue, PaymentCreated, id);
    await reached(payer, id, 'failed');
    expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['refunded']);
  });

  test('that was canceled before processing is not charged', async () => {
    const payer = await payments.person();
    const id = await pay(payer);
    await payments.call('POST', `/payments/${id}/cancel`, { authorization: payer.authorization });
    await publish(queue, PaymentCreated, id);
    const after = await publishedPayment();
    await reached(after.payer, after.id, 'succeeded');
    expect((await read(payer, id)).status).toBe('canceled');
    expect(await chargesOf(id)).toEqual([]);
  });
});

describe('a refund', () => {
  test('debits the account and refunds the charge, once', async () => {
    const { payer, id } = await publishedPayment();
    await reached(payer, id, 'succeeded');
    await requestRefund(payer, id);
    await Promise.all([1, 2, 3].map(() => publish(queue, PaymentRefundRequested, id)));
    await reached(payer, id, 'refunded');
    expect(await balanceOf(payer)).toBe('0.00');
    expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['refunded']);
  });

  test('of a part debits and refunds this part; the payment is refunded with the last part', async () => {
    const { payer, id } = await publishedPayment();
    await reached(payer, id, 'succeeded');
    for (const [amount, left] of [
      ['5.00', '7.50'],
      ['2.50', '5.00'],
    ] as const) {
      await requestRefund(payer, id, amount);
      await Promise.all([1, 2, 3].map(() => publish(queue, PaymentRefundRequested, id)));
      await eventually(async () => (await balanceOf(payer)) === left);
      await eventually(async () => {
        const { refunds } = await read(payer, id);
        return (refunds as { status: string }[]).every(({ status }) => status === 'succeeded');
      });
      expect(await read(payer, id)).toMatchObject({ status: 'succeeded' });
      expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['succeeded']);
    }
    expect((await read(payer, id)).refunded_amount).toBe('7.50');
    await requestRefund(payer, id);
    await publish(queue, PaymentRefundRequested, id);
    await reached(payer, id, 'refunded');
    expect(await balanceOf(payer)).toBe('0.00');
    expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['refunded']);
  });

  test('that one worker has failed and another one has posted is completed', async () => {
    const { payer, id } = await publishedPayment();
    await reached(payer, id, 'succeeded');
    await requestRefund(payer, id, '5.00');
    const [refund] = (await read(payer, id)).refunds as { id: string }[];
    const refundId = String(refund?.id);
    const failure_code = 'account.insufficient-funds';
    await deps.payments.finishRefund({ refund_id: refundId, failure_code });
    await deps.accounts.reverseTransfer({
      external_id: refundId,
      reversed_external_id: id,
      amount: '5.00',
    });
    await publish(queue, PaymentRefundRequested, id);
    await eventually(async () => (await read(payer, id)).refunded_amount === '5.00');
    expect(await balanceOf(payer)).toBe('7.50');
  });

  test('fails without sufficient funds, and the payment stays succeeded', async () => {
    const { payer, id } = await publishedPayment();
    await reached(payer, id, 'succeeded');
    const { account } = await accounts.client.openAccount({ user_id: payer.id, currency: 'EUR' });
    await accounts.client.transfer({
      external_id: Bun.randomUUIDv7(),
      sender_id: account?.id,
      receiver_id: (await accounts.holder()).accountId,
      amount: '0.01',
      currency: 'EUR',
      description: '',
    });
    await requestRefund(payer, id);
    await publish(queue, PaymentRefundRequested, id);
    await eventually(async () => {
      const { status, refunds } = await read(payer, id);
      const [refund] = refunds as { status: string; failure_code: string }[];
      return status === 'succeeded' && refund?.failure_code === 'account.insufficient-funds';
    });
    expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['succeeded']);
  });
});

describe('after a worker is killed', () => {
  /** Starts a worker that is killed at its n-th call, and waits for its end. */
  async function killAt(step: number, name: string): Promise<void> {
    const worker = Bun.spawn(
      [
        process.execPath,
        `${import.meta.dir}/../../tests/support/dying-payments-worker.ts`,
        ...[name, String(step), String(accounts.grpcPort), String(payments.grpcPort)],
      ],
      { stdout: 'inherit', stderr: 'inherit', timeout: 40_000 },
    );
    await worker.exited;
    expect(worker.signalCode).toBe('SIGKILL');
  }

  test.each([
    ['has begun', 1],
    ['has resolved its account', 2],
    ['is announced', 3],
    ['is recorded', 4],
    ['is charged', 5],
    ['is posted', 6],
    ['has succeeded, but is not acknowledged', 7],
  ])(
    'once a payment %s, the next worker completes it',
    async (_when, step) => {
      const name = uniqueName('killed');
      const killed = killAt(step, name);
      const { payer, id } = await publishedPayment({ amount: '7.00' }, name);
      await killed;
      startWorker(name);
      await reached(payer, id, 'succeeded');
      expect(await balanceOf(payer)).toBe('7.00');
      expect((await chargesOf(id)).map(({ state }) => state)).toEqual(['succeeded']);
    },
    60_000,
  );

  test.each([
    ['is loaded', 1],
    ['is posted', 2],
    ['is made by the provider', 3],
    ['has succeeded, but is not acknowledged', 4],
  ])(
    'once a refund %s, the next worker completes it',
    async (_when, step) => {
      const name = uniqueName('killed');
      const { payer, id } = await publishedPayment();
      await reached(payer, id, 'succeeded');
      await requestRefund(payer, id);
      const killed = killAt(step, name);
      await publish(name, PaymentRefundRequested, id);
      await killed;
      startWorker(name);
      await reached(payer, id, 'refunded');
      expect(await balanceOf(payer)).toBe('0.00');
    },
    60_000,
  );
});
