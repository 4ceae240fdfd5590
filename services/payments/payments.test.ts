import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { ChargeState } from '#contracts/gen/provider/v1/provider';
import { Problem } from '#kit/errors/problem';
import { routeClaims } from '#kit/http/route-claims';
import { startPayments } from '../../tests/support/payments';
import { remindOnce } from './overdue';
import { payments } from './schema';
import { forgetPerson } from './store';

const service = await startPayments();
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
const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
  );
const succeed = async (id: string) => {
  await client.beginPayment({ payment_id: id });
  const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
  await client.finishPayment({ payment_id: id, outcome });
  return outcome.value;
};

describe('a payment', () => {
  test('is taken with 202 and where to look, and tells the worker', async () => {
    const taken = await pay();
    expect(taken.status).toBe(202);
    expect(taken.headers.get('location')).toBe(`/payments/${taken.body.id}`);
    expect(taken.body).toMatchObject({
      ...BODY,
      status: 'pending',
      payment_method: 'pm_ok',
      account_id: null,
    });
    expect(await read(taken.body.id)).toEqual({ ...taken.body, refunds: [] });
    const told = await service.told(String(taken.body.id));
    expect(told.map(({ name, data }) => [name, data.payment_id])).toEqual([
      ['payment.created', taken.body.id],
    ]);
  });

  test('a thousand requests at the same time with one key are one payment and one answer', async () => {
    const key = Bun.randomUUIDv7();
    const before = await database.$count(payments);
    const untilAnswered = async () => {
      for (;;) {
        const answer = await pay(BODY, key);
        // In flight, or more waiting for the database than may: as a client is told, it comes again.
        if (answer.status !== 409 && answer.status !== 503) return answer;
        await Bun.sleep(500 + Math.random() * 500);
      }
    };
    const answers = await Promise.all(Array.from({ length: 1_000 }, untilAnswered));
    expect(await database.$count(payments)).toBe(before + 1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers.get('location'))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(999);
  }, 60_000);

  test('needs a key; quoted and bare it is the same, with another body it is refused, of another person another', async () => {
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
    ['less than zero', { amount: '-5' }],
    ['a JSON number', { amount: 12.5 }],
    ['too many decimals', { amount: '1.001' }],
    ['decimals where there are none', { amount: '1.5', currency: 'JPY' }],
    ['too much', { amount: '9'.repeat(17) }],
    ['an unknown currency', { currency: 'ZZZ' }],
    ['no currency', { currency: undefined }],
    ['no description', { description: '' }],
    ['a description of two lines', { description: 'a\r\nb' }],
    ['a long description', { description: 'x'.repeat(301) }],
    ['a card number in place of a method', { payment_method: '4242424242424242' }],
    ['an account that is no id', { account_id: 'mine' }],
  ])('with %s is refused, and its key may be used again', async (_what, changed) => {
    const key = Bun.randomUUIDv7();
    expect((await pay({ ...BODY, ...changed }, key)).status).toBe(422);
    expect((await pay(BODY, key)).status).toBe(202);
  });

  test('is seen by the payer and by operators only, newest first in lists', async () => {
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

  test('can be canceled until it is in work', async () => {
    const id = String((await pay()).body.id);
    const cancel = (of: string) =>
      call('POST', `/payments/${of}/cancel`, { authorization: payer.authorization });
    expect((await cancel(id)).body.status).toBe('canceled');
    expect((await cancel(id)).body.status).toBe('canceled');
    expect((await client.beginPayment({ payment_id: id })).payment?.state).toBe('canceled');
    const busy = String((await pay()).body.id);
    await client.beginPayment({ payment_id: busy });
    expect((await cancel(busy)).body.code).toBe('payment.not-cancelable');
    expect((await service.told(id)).map(({ name }) => name)).toEqual(['payment.created', 'payment.canceled']);
  });

  test('tells each of its changes once, however often the worker says so', async () => {
    const id = String((await pay()).body.id);
    await Promise.all(Array.from({ length: 5 }, () => client.beginPayment({ payment_id: id })));
    const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
    await Promise.all(Array.from({ length: 5 }, () => client.finishPayment({ payment_id: id, outcome })));
    expect((await service.told(id)).map(({ name }) => name)).toEqual([
      'payment.created',
      'payment.processing',
      'payment.succeeded',
    ]);
    const failing = { $case: 'failure_code' as const, value: 'card.declined' };
    expect(await refusalOf(client.finishPayment({ payment_id: id, outcome: failing }))).toBe(
      'payment.wrong-state',
    );
    expect(await read(id)).toMatchObject({ status: 'succeeded', transaction_id: outcome.value });
  });

  test('that nobody has finished is told of again, and not at once again', async () => {
    const id = String((await pay()).body.id);
    const reminders = async () => (await service.told(id)).filter(({ name }) => name === 'payment.overdue');
    await remindOnce(deps);
    expect(await reminders()).toHaveLength(0);
    await database.execute(sql`update payments set updated_at = utc_timestamp(3) - interval 10 minute`);
    await Promise.all([remindOnce(deps), remindOnce(deps)]);
    await remindOnce(deps);
    expect(await reminders()).toHaveLength(1);
  });

  test('of an erased person stays on record without them', async () => {
    const me = await service.person();
    const id = String((await pay(BODY, Bun.randomUUIDv7(), me)).body.id);
    await forgetPerson(database, me.id);
    expect(await read(id, me)).toMatchObject({ code: 'payment.not-found' });
    const kept = await read(id, await service.person(['payments:manage']));
    expect(kept).toMatchObject({ amount: '12.50', description: '' });
  });
});

describe('giving back', () => {
  const refund = (id: string, key?: string) =>
    call('POST', `/payments/${id}/refunds`, {
      authorization: payer.authorization,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });

  test('is for what succeeded, once; one that failed may be tried again', async () => {
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
    expect((await service.told(id)).map(({ name }) => name).slice(3)).toEqual([
      'payment.refund-requested',
      'payment.refund-failed',
      'payment.refund-requested',
      'payment.refunded',
    ]);
  });
});

describe('the mock of a provider', () => {
  const charge = (payment_method: string, idempotency_key = Bun.randomUUIDv7(), amount = '1.00') =>
    provider.charge({ idempotency_key, payment_method, amount, currency: 'EUR' });

  test('charges once for each key, and tells what became of it', async () => {
    const key = Bun.randomUUIDv7();
    const states = await Promise.all(Array.from({ length: 10 }, () => charge('pm_ok', key)));
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set([ChargeState.CHARGE_STATE_SUCCEEDED]));
    expect(await refusalOf(charge('pm_ok', key, '2.00'))).toBe('charge.key-reused');
    expect(await refusalOf(provider.getCharge({ idempotency_key: Bun.randomUUIDv7() }))).toBe(
      'charge.not-found',
    );
    await provider.refundCharge({ idempotency_key: key });
    expect((await charge('pm_ok', key)).state).toBe(ChargeState.CHARGE_STATE_REFUNDED);
  });

  test('declines, falls silent after it has charged, and fails before it has', async () => {
    expect((await charge('pm_declined')).state).toBe(ChargeState.CHARGE_STATE_DECLINED);
    expect((await charge('pm_of_nobody')).state).toBe(ChargeState.CHARGE_STATE_DECLINED);
    const [silent, flaky] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    expect(await refusalOf(charge('pm_timeout', silent))).toBe('dependency.timed-out');
    expect((await provider.getCharge({ idempotency_key: silent })).state).toBe(
      ChargeState.CHARGE_STATE_SUCCEEDED,
    );
    expect(await refusalOf(charge('pm_flaky', flaky))).toBe('provider.unavailable');
    expect(await refusalOf(provider.getCharge({ idempotency_key: flaky }))).toBe('charge.not-found');
  });
});

test('who is not signed in gets 401', async () => {
  const claims = routeClaims(app);
  expect(claims.length).toBeGreaterThan(4);
  for (const { method, path } of claims)
    expect([path, (await call(method, path.replace(':id', Bun.randomUUIDv7()))).status]).toEqual([path, 401]);
});
