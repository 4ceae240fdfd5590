import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { readiness } from '#kit/core/readiness';
import { createRuntime } from '#kit/core/runtime';
import { type MessageContext, RetryableError } from '#kit/messaging/delivery';
import { compareBookings } from '../../../scripts/audit/bookings';
import { closeAccountsOf } from '../../../services/accounts/service';
import { startAccounts } from '../../../tests/support/accounts';
import { startPayments } from '../../../tests/support/payments';
import { STRIPE_KEY, startStripe, WEBHOOK_SECRET } from '../../../tests/support/stripe';
import type { PaymentsWorkerDeps } from '../deps';
import { processPayment } from '../payment';
import { processRefund } from '../refund';
import { openStripe } from './api';
import { stripeProvider } from './provider';

/** Everything that the worker logs. */
const logged: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
const runtime = createRuntime({ name: 'payments-worker', version: 'test', log });
const accounts = await startAccounts();
const payments = await startPayments({ accounts: accounts.client, webhookSecrets: [WEBHOOK_SECRET] });
const stripe = startStripe();
const deps: PaymentsWorkerDeps = {
  payments: payments.client,
  accounts: accounts.client,
  provider: stripeProvider(await openStripe(runtime, stripe.settings)),
};
const context = { log } as unknown as MessageContext;

beforeEach(() => void stripe.requests());
afterAll(async () => {
  expect(await accounts.audit()).toEqual([]);
  expect(await payments.audit()).toEqual([]);
  expect(await compareBookings(payments.auditPool, accounts.auditPool)).toEqual([]);
  for (const secret of [STRIPE_KEY, '_secret_', WEBHOOK_SECRET]) expect(logged.join()).not.toContain(secret);
  await runtime.close();
  await payments.close();
  await accounts.close();
  stripe.stop();
});

type Payer = Awaited<ReturnType<typeof payments.person>>;

async function pay(body: object = {}, payer?: Payer) {
  const by = payer ?? (await payments.person());
  const accepted = await payments.call('POST', '/payments', {
    body: { amount: '12.50', currency: 'EUR', description: 'Stickers', ...body },
    authorization: by.authorization,
    headers: { 'idempotency-key': Bun.randomUUIDv7() },
  });
  expect(accepted.status).toBe(202);
  return { id: String(accepted.body.id), payer: by };
}
const work = (id: string, by = deps) => processPayment(by, id, context);
const read = async ({ id, payer }: { id: string; payer: Payer }) =>
  (await payments.call('GET', `/payments/${id}`, { authorization: payer.authorization })).body;
async function balanceOf({ id }: Payer, currency = 'EUR'): Promise<unknown> {
  const authorization = await accounts.tokens.authorization({ id, username: 'payer' });
  return (await accounts.call('GET', `/accounts/user/${id}?currency=${currency}`, { authorization })).body
    .balance;
}
const intentsOf = (id: string) =>
  [...stripe.intents.values()].filter(({ metadata }) => metadata.payment_id === id);
/** What the provider has received for a payment and not given back. */
function takenFor(id: string): number {
  const received = intentsOf(id).reduce((sum, { amount_received }) => sum + amount_received, 0);
  const references = intentsOf(id).map((intent) => intent.id);
  const given = stripe.refunds.filter(
    ({ payment_intent, status }) => references.includes(payment_intent) && status !== 'failed',
  );
  return given.reduce((sum, { amount }) => sum - amount, received);
}

/** Sends an event about an object, and works off what it asks of the worker. */
async function report(type: string, object: object): Promise<void> {
  const { payload, header } = await stripe.event(type, object);
  const { status } = await payments.call('POST', '/payments/webhooks/stripe', {
    body: payload,
    headers: { 'stripe-signature': header },
  });
  expect(status).toBe(204);
}
async function requestRefund({ id, payer }: { id: string; payer: Payer }, amount?: string): Promise<string> {
  const { status, body } = await payments.call('POST', `/payments/${id}/refunds`, {
    authorization: payer.authorization,
    body: amount === undefined ? {} : { amount },
  });
  expect(status).toBe(202);
  return String(body.id);
}
const backdate = (id: string) =>
  payments.database.execute(
    sql`update payments set created_at = utc_timestamp(3) - interval 25 hour where id = ${bytesOf(id)}`,
  );
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

describe('a payment that its payer confirms', () => {
  test('waits with a client secret, and completes when the provider reports it', async () => {
    const payment = await pay();
    await work(payment.id);
    await work(payment.id);
    const waiting = await read(payment);
    expect(waiting).toMatchObject({ status: 'processing', payment_method: 'automatic' });
    expect([intentsOf(payment.id).length, takenFor(payment.id)]).toEqual([1, 0]);
    const intent = stripe.confirmByPayer(String(waiting.client_secret));
    await report('payment_intent.succeeded', intent);
    expect((await payments.eventsOf(payment.id)).at(-1)?.name).toBe('payment.charge-changed');
    await Promise.all([work(payment.id), work(payment.id)]);
    expect(await read(payment)).toMatchObject({ status: 'succeeded', amount: '12.50' });
    expect([takenFor(payment.id), await balanceOf(payment.payer)]).toEqual([1_250, '12.50']);
  });

  test('completes without a report, when it is overdue', async () => {
    const payment = await pay();
    await work(payment.id);
    stripe.confirmByPayer(String((await read(payment)).client_secret));
    await work(payment.id);
    expect((await read(payment)).status).toBe('succeeded');
  });

  test('may be declined and confirmed again with another card', async () => {
    const payment = await pay();
    await work(payment.id);
    const secret = String((await read(payment)).client_secret);
    expect(() => stripe.confirmByPayer(secret, 'pm_card_chargeDeclined')).toThrow();
    await work(payment.id);
    expect((await read(payment)).status).toBe('processing');
    stripe.confirmByPayer(secret);
    await work(payment.id);
    expect([(await read(payment)).status, takenFor(payment.id)]).toEqual(['succeeded', 1_250]);
  });

  test('that is abandoned expires after a day, and can be confirmed no more', async () => {
    const payment = await pay();
    await work(payment.id);
    const secret = String((await read(payment)).client_secret);
    await backdate(payment.id);
    await work(payment.id);
    expect(await read(payment)).toMatchObject({ status: 'failed', failure_code: 'payment.expired' });
    expect(() => stripe.confirmByPayer(secret)).toThrow();
  });

  test('in the last moment is booked, not lost', async () => {
    const payment = await pay();
    await work(payment.id);
    stripe.confirmByPayer(String((await read(payment)).client_secret));
    await backdate(payment.id);
    await work(payment.id);
    expect([(await read(payment)).status, await balanceOf(payment.payer)]).toEqual(['succeeded', '12.50']);
  });

  test('by a debit that its bank decides later waits for the bank, also beyond its expiry', async () => {
    const payment = await pay();
    await work(payment.id);
    stripe.confirmByPayer(String((await read(payment)).client_secret), 'pm_sepa_debit');
    await backdate(payment.id);
    await work(payment.id);
    expect((await read(payment)).status).toBe('processing');
    const [intent] = intentsOf(payment.id);
    if (intent) Object.assign(intent, { status: 'succeeded', amount_received: intent.amount });
    await work(payment.id);
    expect((await read(payment)).status).toBe('succeeded');
  });
});

describe('a payment with a payment method', () => {
  test('is charged at once', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    await work(payment.id);
    expect(await read(payment)).toMatchObject({ status: 'succeeded' });
    expect([takenFor(payment.id), await balanceOf(payment.payer)]).toEqual([1_250, '12.50']);
  });

  test.each(['pm_card_chargeDeclined', 'pm_ok'])(
    'fails with %s, and nothing can be charged any more',
    async (method) => {
      const payment = await pay({ payment_method: method });
      await work(payment.id);
      expect(await read(payment)).toMatchObject({ status: 'failed', failure_code: 'card.declined' });
      expect(intentsOf(payment.id).map(({ status }) => status)).toEqual(['canceled']);
    },
  );

  test('waits for the authentication that a bank asks for', async () => {
    const payment = await pay({ payment_method: 'pm_card_threeDSecure' });
    await work(payment.id);
    const secret = String((await read(payment)).client_secret);
    await report('payment_intent.succeeded', stripe.confirmByPayer(secret));
    await work(payment.id);
    expect((await read(payment)).status).toBe('succeeded');
  });

  test.each([
    ['JPY', '1250', 1_250],
    ['KWD', '5.120', 5_120],
    ['MGA', '1250.00', 1_250],
    ['ISK', '1250', 125_000],
  ] as const)('in %s is charged in minor units of Stripe', async (currency, amount, taken) => {
    const payment = await pay({ payment_method: 'pm_card_visa', currency, amount });
    await work(payment.id);
    expect([takenFor(payment.id), await balanceOf(payment.payer, currency)]).toEqual([taken, amount]);
  });

  test.each([
    ['below the minimum', { amount: '0.49' }, 'provider.rejected'],
    ['that Stripe would round', { amount: '5.123', currency: 'KWD' }, 'provider.amount-unsupported'],
  ])('of an amount %s fails', async (_case, body, failure_code) => {
    const payment = await pay({ payment_method: 'pm_card_visa', ...body });
    await work(payment.id);
    expect(await read(payment)).toMatchObject({ status: 'failed', failure_code });
  });

  test('whose account is closed after the charge is refunded', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    await expect(work(payment.id, dyingAt(5))).rejects.toThrow();
    expect(takenFor(payment.id)).toBe(1_250);
    await closeAccountsOf(accounts.deps, payment.payer.id);
    await work(payment.id);
    expect([(await read(payment)).failure_code, takenFor(payment.id)]).toEqual(['account.closed', 0]);
  });

  test('is not booked when the provider has another amount or another payment', async () => {
    for (const change of [{ amount: 1, amount_received: 1 }, { amount_received: 1 }, { metadata: {} }]) {
      const payment = await pay();
      await work(payment.id);
      const [intent] = intentsOf(payment.id);
      stripe.confirmByPayer(String((await read(payment)).client_secret));
      if (intent) Object.assign(intent, change);
      await report('payment_intent.succeeded', intent ?? {});
      await expect(work(payment.id)).rejects.toThrow(/differs|another amount/);
      expect([(await read(payment)).status, await balanceOf(payment.payer)]).toEqual(['processing', '0.00']);
    }
  });
});

/** Calls of other systems, after the n-th of which the worker has died. */
function dyingAt(step: number): PaymentsWorkerDeps {
  let calls = 0;
  const dying = <Client extends object>(client: Client): Client =>
    new Proxy(client, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...parameters: unknown[]) => {
          if (calls >= step) throw new Error('the worker is dead');
          const answer: unknown = await Reflect.apply(method, target, parameters);
          if (++calls >= step) throw new Error('the worker has died');
          return answer;
        };
      },
    });
  return { payments: dying(deps.payments), accounts: dying(deps.accounts), provider: dying(deps.provider) };
}

describe('when a worker dies after any of its calls', () => {
  test.each([1, 2, 3, 4, 5, 6, 7])(
    'the next one completes a payment (%i), charged and booked once',
    async (step) => {
      const payment = await pay({ payment_method: 'pm_card_visa' });
      await expect(work(payment.id, dyingAt(step))).rejects.toThrow('the worker');
      // The report may come before anything else.
      const [intent] = intentsOf(payment.id);
      if (intent) await report('payment_intent.succeeded', intent);
      await Promise.all([work(payment.id), work(payment.id)]);
      expect([(await read(payment)).status, takenFor(payment.id)]).toEqual(['succeeded', 1_250]);
      expect(await balanceOf(payment.payer)).toBe('12.50');
    },
  );

  test.each([1, 2, 3, 4])('the next one completes a refund (%i), once', async (step) => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    await work(payment.id);
    const refundId = await requestRefund(payment, '5.00');
    await expect(processRefund(dyingAt(step), refundId, context)).rejects.toThrow('the worker');
    await Promise.all([1, 2].map(() => processRefund(deps, refundId, context)));
    expect([takenFor(payment.id), await balanceOf(payment.payer)]).toEqual([750, '7.50']);
    expect((await read(payment)).refunded_amount).toBe('5.00');
  });
});

describe('when the provider fails', () => {
  test.each([
    ['create', 'response-lost'],
    ['create', 'unavailable'],
    ['retrieve', 'rate-limited'],
    ['confirm', 'response-lost'],
    ['confirm', 'unavailable'],
  ] as const)('at %s (%s), the payment is charged once in the end', async (operation, fault) => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    stripe.fail(operation, fault);
    await work(payment.id).catch((failure: unknown) => expect(failure).toBeInstanceOf(RetryableError));
    await work(payment.id);
    expect([(await read(payment)).status, takenFor(payment.id)]).toEqual(['succeeded', 1_250]);
    expect(await balanceOf(payment.payer)).toBe('12.50');
  });

  test.each(['response-lost', 'unavailable'] as const)(
    'at a refund (%s), it is refunded once in the end',
    async (fault) => {
      const payment = await pay({ payment_method: 'pm_card_visa' });
      await work(payment.id);
      const refundId = await requestRefund(payment);
      stripe.fail('refund', fault);
      await expect(processRefund(deps, refundId, context)).rejects.toBeInstanceOf(RetryableError);
      await processRefund(deps, refundId, context);
      expect([(await read(payment)).status, takenFor(payment.id)]).toEqual(['refunded', 0]);
      expect(stripe.refunds.filter(({ metadata }) => metadata.refund_id === refundId)).toHaveLength(1);
    },
  );

  test('for long, it is called no more for a while, the process is degraded, and payments wait', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    const own = createRuntime({ name: 'payments-worker', version: 'test', log });
    const provider = stripeProvider(await openStripe(own, stripe.settings));
    expect((await readiness(own)).status).toBe('ready');
    stripe.fail('create', 'unavailable', 5);
    for (let count = 0; count < 5; count++)
      await expect(work(payment.id, { ...deps, provider })).rejects.toBeInstanceOf(RetryableError);
    stripe.requests();
    await expect(work(payment.id, { ...deps, provider })).rejects.toBeInstanceOf(RetryableError);
    expect(stripe.requests()).toEqual([]);
    const { status, ready, dependencies } = await readiness(own);
    expect([status, ready, dependencies['payment-provider']?.status]).toEqual(['degraded', true, 'down']);
    expect(dependencies['payment-provider']?.detail).toContain('503');
    expect((await read(payment)).status).toBe('processing');
    await own.close();
    await work(payment.id);
    expect((await read(payment)).status).toBe('succeeded');
  });

  test('because the key is wrong, nothing of it is told', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    const own = createRuntime({ name: 'payments-worker', version: 'test', log });
    const secretKey = 'sk_live_0123456789abcdefWrong';
    const provider = stripeProvider(await openStripe(own, { ...stripe.settings, secretKey }));
    const failure: unknown = await work(payment.id, { ...deps, provider }).catch((thrown: unknown) => thrown);
    expect(String(failure)).toBe(
      'RetryableError: payment provider unavailable: StripeAuthenticationError (401)',
    );
    expect(Bun.inspect(failure)).not.toContain('0123456789');
    await own.close();
    await work(payment.id);
  });
});

describe('a refund', () => {
  test('that the bank decides later is pending until then', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    await work(payment.id);
    const refundId = await requestRefund(payment, '7.77');
    await processRefund(deps, refundId, context);
    expect((await read(payment)).refunds).toMatchObject([{ status: 'pending' }]);
    await report('refund.updated', stripe.settleRefund(refundId, 'succeeded'));
    expect((await payments.eventsOf(refundId)).at(-1)?.name).toBe('payment.refund-changed');
    await processRefund(deps, refundId, context);
    expect((await read(payment)).refunds).toMatchObject([{ status: 'succeeded' }]);
    expect([takenFor(payment.id), await balanceOf(payment.payer)]).toEqual([473, '4.73']);
  });

  test('that the bank refuses fails, and its amount returns to the account, once', async () => {
    const payment = await pay({ payment_method: 'pm_card_visa' });
    await work(payment.id);
    const refundId = await requestRefund(payment, '7.77');
    await processRefund(deps, refundId, context);
    expect(await balanceOf(payment.payer)).toBe('4.73');
    await report('refund.failed', stripe.settleRefund(refundId, 'failed'));
    for (let count = 0; count < 3; count++) await processRefund(deps, refundId, context);
    expect((await read(payment)).refunds).toMatchObject([
      { status: 'failed', failure_code: 'provider.refund-failed' },
    ]);
    expect([takenFor(payment.id), await balanceOf(payment.payer)]).toEqual([1_250, '12.50']);
    // The audit would tell if the account had not been credited again.
    const asIfMade = sql`update refunds set state = 'succeeded', failure_code = null where id = ${bytesOf(refundId)}`;
    await payments.database.execute(asIfMade);
    expect(await compareBookings(payments.auditPool, accounts.auditPool)).toHaveLength(1);
    await payments.database.execute(
      sql`update refunds set state = 'failed', failure_code = 'provider.refund-failed' where id = ${bytesOf(refundId)}`,
    );
  });
});

test('a payment of the mock is left alone by the worker of a real provider', async () => {
  const payment = await pay();
  await deps.payments.beginPayment({ payment_id: payment.id });
  const recorded = { payment_id: payment.id, provider: 'mock', provider_reference: payment.id };
  await deps.payments.recordCharge(recorded);
  await work(payment.id);
  expect((await read(payment)).status).toBe('processing');
  expect(stripe.requests()).toEqual([]);
});
