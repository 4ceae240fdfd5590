import { afterAll, describe, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { ChargeState } from '#contracts/gen/provider/v1/provider';
import { DependencyUnavailable, Problem } from '#kit/errors/problem';
import { routeClaims } from '#kit/http/route-claims';
import { startPayments } from '../../tests/support/payments';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { republishOverdue } from './overdue';
import { paymentsPortability } from './portability';
import { payments } from './schema';
import { anonymizePayments } from './store';

/** The accounts that the accounts service knows. */
const known = new Map<string, { id: string; user_id: string; currency: string; closed: boolean }>();
let isAccountsDown = false;
const service = await startPayments({
  accounts: {
    async getAccount({ account_id }) {
      if (isAccountsDown) throw new DependencyUnavailable();
      const account = known.get(account_id);
      if (account === undefined) throw new Problem('account.not-found', 404, 'Account not found');
      return { account };
    },
  },
});
const { app, call, client, database, deps, provider } = service;
afterAll(service.close);

const BODY = { amount: '12.50', currency: 'EUR', description: 'Stickers' };
const payer = await service.person();
const pay = (body: object = BODY, key: string | null = Bun.randomUUIDv7(), by = payer) =>
  call('POST', '/payments', {
    body,
    authorization: by.authorization,
    headers: key === null ? {} : { 'idempotency-key': key },
  });
const read = async (id: unknown, by = payer) =>
  (await call('GET', `/payments/${id}`, { authorization: by.authorization })).body;
const errorCodeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
  );
const succeed = async (id: string) => {
  await client.beginPayment({ payment_id: id });
  const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
  await client.finishPayment({ payment_id: id, outcome });
  return outcome.value;
};

describe('a payment', () => {
  test('is accepted with 202 and a Location, and published to the worker', async () => {
    const accepted = await pay();
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('location')).toBe(`/payments/${accepted.body.id}`);
    expect(accepted.body).toMatchObject({
      ...BODY,
      status: 'pending',
      payment_method: 'pm_ok',
      account_id: null,
    });
    expect(await read(accepted.body.id)).toEqual({ ...accepted.body, refunds: [] });
    const events = await service.eventsOf(String(accepted.body.id));
    expect(events.map(({ name, data }) => [name, data.payment_id])).toEqual([
      ['payment.created', accepted.body.id],
    ]);
  });

  test('is created once for a thousand concurrent requests with one key, which all get the same response', async () => {
    const key = Bun.randomUUIDv7();
    const before = await database.$count(payments);
    const retryUntilAccepted = async () => {
      for (;;) {
        const response = await pay(BODY, key);
        // In flight, or the database queue is full: retry, as a client would.
        if (response.status !== 409 && response.status !== 503) return response;
        await Bun.sleep(500 + Math.random() * 500);
      }
    };
    const responses = await Promise.all(Array.from({ length: 1_000 }, retryUntilAccepted));
    expect(await database.$count(payments)).toBe(before + 1);
    expect(new Set(responses.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(new Set(responses.map(({ headers }) => headers.get('location'))).size).toBe(1);
    expect(responses.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(
      999,
    );
  }, 60_000);

  test('requires an Idempotency-Key, quoted or bare, which is bound to its body and scoped to the caller', async () => {
    expect((await pay(BODY, null)).body.code).toBe('idempotency.key-missing');
    expect((await pay(BODY, null)).status).toBe(400);
    expect((await pay(BODY, '""')).status).toBe(400);
    const first = await pay(BODY, 'a-key');
    const again = await pay(BODY, '"a-key"');
    expect([again.status, again.body, again.headers.get('location')]).toEqual([
      202,
      first.body,
      first.headers.get('location'),
    ]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await pay({ ...BODY, amount: '13' }, 'a-key');
    expect([other.status, other.body.code]).toEqual([422, 'idempotency.key-reused']);
    expect((await pay(BODY, 'a-key', await service.person())).body.id).not.toBe(first.body.id);
  });

  test.each([
    ['no amount', { amount: undefined }],
    ['zero', { amount: '0' }],
    ['a negative amount', { amount: '-5' }],
    ['a JSON number', { amount: 12.5 }],
    ['too many decimals', { amount: '1.001' }],
    ['decimals in a currency without minor units', { amount: '1.5', currency: 'JPY' }],
    ['an amount above the maximum', { amount: '9'.repeat(17) }],
    ['an unknown currency', { currency: 'ZZZ' }],
    ['no currency', { currency: undefined }],
    ['an empty description', { description: '' }],
    ['a multi-line description', { description: 'a\r\nb' }],
    ['a description that is too long', { description: 'x'.repeat(301) }],
    ['a description without a visible character', { description: '\u3164\u200b' }],
    ['a description of two paragraphs', { description: 'a\u2029b' }],
    ['an exponent', { amount: '1e1' }],
    ['a sign', { amount: '+5' }],
    ['blanks', { amount: '5 ' }],
    ['digits of another script', { amount: '٥' }],
    ['a card number as the payment method', { payment_method: '4242424242424242' }],
    ['an invalid account id', { account_id: 'mine' }],
  ])('with %s is rejected, and its key can be reused', async (_case, changed) => {
    const key = Bun.randomUUIDv7();
    expect((await pay({ ...BODY, ...changed }, key)).status).toBe(422);
    expect((await pay(BODY, key)).status).toBe(202);
  });

  test('has a description of 300 characters, however they are encoded, which its event carries', async () => {
    const description = '🏳️‍🌈'.repeat(300);
    const { status, body } = await pay({ ...BODY, description });
    expect([status, body.description]).toEqual([202, description]);
    await succeed(String(body.id));
    const events = await service.eventsOf(String(body.id));
    expect(events.at(-1)).toMatchObject({ name: 'payment.succeeded', data: { description } });
  });

  test('is visible to the payer and to operators only, and listed newest first', async () => {
    const me = await service.person();
    const ids: unknown[] = [];
    for (let count = 0; count < 3; count++) ids.unshift((await pay(BODY, Bun.randomUUIDv7(), me)).body.id);
    const listed = await call('GET', '/payments?limit=2', { authorization: me.authorization });
    const rest = await call('GET', `/payments?cursor=${listed.body.next_cursor}`, {
      authorization: me.authorization,
    });
    const items = [listed, rest].flatMap(({ body }) => body.items as { id: string }[]);
    expect(items.map(({ id }) => id)).toEqual(ids.map(String));
    expect(await read(ids[0])).toMatchObject({ code: 'payment.not-found' });
    expect(await read(ids[0], await service.person(['payments:manage']))).toMatchObject({ id: ids[0] });
  });

  test('that cannot be shown any more is left out of its page', async () => {
    const me = await service.person();
    const ids: string[] = [];
    for (let count = 0; count < 3; count++)
      ids.unshift(String((await pay(BODY, Bun.randomUUIDv7(), me)).body.id));
    const stored = (currency: string) =>
      database
        .update(payments)
        .set({ currency })
        .where(eq(payments.id, ids[1] ?? ''));
    await stored('DEM');
    const { status, body } = await call('GET', '/payments', { authorization: me.authorization });
    expect([status, (body.items as { id: string }[]).map(({ id }) => id)]).toEqual([
      200,
      [String(ids[0]), String(ids[2])],
    ]);
    await stored('EUR');
  });

  test('names an open account of the payer in its currency, or is refused at once', async () => {
    const [mine, closed, theirs] = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    known.set(mine, { id: mine, user_id: payer.id, currency: 'EUR', closed: false });
    known.set(closed, { id: closed, user_id: payer.id, currency: 'EUR', closed: true });
    known.set(theirs, { id: theirs, user_id: Bun.randomUUIDv7(), currency: 'EUR', closed: false });
    const before = await database.$count(payments);
    const key = Bun.randomUUIDv7();
    const refusals = await Promise.all(
      [closed, theirs, Bun.randomUUIDv7()].map((account_id) => pay({ ...BODY, account_id }, key)),
    );
    const told = ({ request_id, ...rest }: Record<string, unknown>) => rest;
    for (const { status, body } of refusals) {
      expect([status, body.code]).toEqual([422, 'payment.account-not-found']);
      expect(told(body)).toEqual(told(refusals[0]?.body ?? {}));
    }
    expect((await pay({ ...BODY, currency: 'USD', account_id: mine }, key)).body.code).toBe(
      'payment.currency-mismatch',
    );
    expect(await database.$count(payments)).toBe(before);
    const accepted = await pay({ ...BODY, account_id: mine }, key);
    expect([accepted.status, accepted.body.account_id]).toEqual([202, mine]);
    // A repeat is answered as it was, whatever has become of the account.
    known.delete(mine);
    expect((await pay({ ...BODY, account_id: mine }, key)).body).toEqual(accepted.body);
  });

  test('to a named account waits for the accounts service, to the own one does not', async () => {
    isAccountsDown = true;
    expect((await pay({ ...BODY, account_id: Bun.randomUUIDv7() })).status).toBe(503);
    expect((await pay()).status).toBe(202);
    isAccountsDown = false;
  });

  test('can be canceled until it is processing', async () => {
    const id = String((await pay()).body.id);
    const cancel = (of: string) =>
      call('POST', `/payments/${of}/cancel`, { authorization: payer.authorization });
    expect((await cancel(id)).body.status).toBe('canceled');
    expect((await cancel(id)).body.status).toBe('canceled');
    expect((await client.beginPayment({ payment_id: id })).payment?.state).toBe('canceled');
    const busy = String((await pay()).body.id);
    await client.beginPayment({ payment_id: busy });
    expect((await cancel(busy)).body.code).toBe('payment.not-cancelable');
    expect((await service.eventsOf(id)).map(({ name }) => name)).toEqual([
      'payment.created',
      'payment.canceled',
    ]);
  });

  test('publishes each transition once, however often the worker repeats it', async () => {
    const id = String((await pay()).body.id);
    await Promise.all(Array.from({ length: 5 }, () => client.beginPayment({ payment_id: id })));
    const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
    await Promise.all(Array.from({ length: 5 }, () => client.finishPayment({ payment_id: id, outcome })));
    expect((await service.eventsOf(id)).map(({ name }) => name)).toEqual([
      'payment.created',
      'payment.processing',
      'payment.succeeded',
    ]);
    const failing = { $case: 'failure_code' as const, value: 'card.declined' };
    expect(await errorCodeOf(client.finishPayment({ payment_id: id, outcome: failing }))).toBe(
      'payment.wrong-state',
    );
    expect(await read(id)).toMatchObject({ status: 'succeeded', transaction_id: outcome.value });
  });

  test('that is overdue is republished once per interval', async () => {
    const id = String((await pay()).body.id);
    const overdueEvents = async () =>
      (await service.eventsOf(id)).filter(({ name }) => name === 'payment.overdue');
    await republishOverdue(deps);
    expect(await overdueEvents()).toHaveLength(0);
    await database.execute(sql`update payments set updated_at = utc_timestamp(3) - interval 10 minute`);
    await Promise.all([republishOverdue(deps), republishOverdue(deps)]);
    await republishOverdue(deps);
    expect(await overdueEvents()).toHaveLength(1);
  });

  test('of an erased user remains, anonymized', async () => {
    const me = await service.person();
    const id = String((await pay(BODY, Bun.randomUUIDv7(), me)).body.id);
    await anonymizePayments(database, me.id);
    expect(await read(id, me)).toMatchObject({ code: 'payment.not-found' });
    const anonymized = await read(id, await service.person(['payments:manage']));
    expect(anonymized).toMatchObject({ amount: '12.50', description: '' });
  });
});

describe('a refund', () => {
  const refund = (id: string, key?: string) =>
    call('POST', `/payments/${id}/refunds`, {
      authorization: payer.authorization,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });

  test('is possible once, for a succeeded payment; a failed refund can be requested again', async () => {
    const id = String((await pay()).body.id);
    expect((await refund(id)).body.code).toBe('payment.not-refundable');
    await succeed(id);
    const first = await refund(id, 'back');
    expect([first.status, first.body.status]).toEqual([202, 'pending']);
    expect((await refund(id, 'back')).body).toEqual(first.body);
    expect((await refund(id)).body.code).toBe('payment.not-refundable');
    const failure_code = 'account.insufficient-funds';
    await client.finishRefund({ refund_id: String(first.body.id), failure_code });
    const second = await refund(id);
    expect(second.status).toBe(202);
    await client.finishRefund({ refund_id: String(second.body.id) });
    await client.finishRefund({ refund_id: String(second.body.id) });
    expect(await read(id)).toMatchObject({
      status: 'refunded',
      refunds: [
        { status: 'failed', failure_code },
        { status: 'succeeded', failure_code: null },
      ],
    });
    expect((await refund(id)).body.code).toBe('payment.not-refundable');
    expect((await service.eventsOf(id)).map(({ name }) => name).slice(3)).toEqual([
      'payment.refund-requested',
      'payment.refund-failed',
      'payment.refund-requested',
      'payment.refunded',
    ]);
  });
});

describe('the mock provider', () => {
  const charge = (payment_method: string, idempotency_key = Bun.randomUUIDv7(), amount = '1.00') =>
    provider.charge({ idempotency_key, payment_method, amount, currency: 'EUR' });

  test('charges once per key, and reports the state of a charge', async () => {
    const key = Bun.randomUUIDv7();
    const states = await Promise.all(Array.from({ length: 10 }, () => charge('pm_ok', key)));
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set([ChargeState.CHARGE_STATE_SUCCEEDED]));
    expect(await errorCodeOf(charge('pm_ok', key, '2.00'))).toBe('charge.key-reused');
    expect(await errorCodeOf(provider.getCharge({ idempotency_key: Bun.randomUUIDv7() }))).toBe(
      'charge.not-found',
    );
    await provider.refundCharge({ idempotency_key: key });
    expect((await charge('pm_ok', key)).state).toBe(ChargeState.CHARGE_STATE_REFUNDED);
  });

  test('declines, times out after it has charged, and fails before it has charged', async () => {
    expect((await charge('pm_declined')).state).toBe(ChargeState.CHARGE_STATE_DECLINED);
    expect((await charge('pm_unknown')).state).toBe(ChargeState.CHARGE_STATE_DECLINED);
    const [timedOut, flaky] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    expect(await errorCodeOf(charge('pm_timeout', timedOut))).toBe('dependency.timed-out');
    expect((await provider.getCharge({ idempotency_key: timedOut })).state).toBe(
      ChargeState.CHARGE_STATE_SUCCEEDED,
    );
    expect(await errorCodeOf(charge('pm_flaky', flaky))).toBe('provider.unavailable');
    expect(await errorCodeOf(provider.getCharge({ idempotency_key: flaky }))).toBe('charge.not-found');
  });
});

test('every route requires a valid token', async () => {
  const claims = routeClaims(app);
  expect(claims.length).toBeGreaterThan(4);
  for (const { method, path, auth } of claims) {
    // Signed by the provider.
    if (auth === 'public') continue;
    expect([path, (await call(method, path.replace(':id', Bun.randomUUIDv7()))).status]).toEqual([path, 401]);
  }
  expect(claims.filter(({ auth }) => auth === 'public').map(({ path }) => path)).toEqual([
    '/payments/webhooks/stripe',
  ]);
});

test('an export has all payments of a person with their refunds', async () => {
  const ada = await service.person();
  await Promise.all(Array.from({ length: 51 }, () => pay(BODY, Bun.randomUUIDv7(), ada)));
  const exported = recordsIn(await exportAll(paymentsPortability(deps), ada.id)).payments ?? [];
  expect(new Set(exported.map(({ id }) => id)).size).toBe(51);
  expect(exported[0]).toEqual(await read(exported[0]?.id, ada));
});
