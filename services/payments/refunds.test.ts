import { afterAll, describe, expect, test } from 'bun:test';
import { desc, sql } from 'drizzle-orm';
import { Problem } from '#kit/errors/problem';
import { startPayments } from '../../tests/support/payments';
import { idempotencyKeys, refunds } from './schema';
import { anonymizePayments } from './store';

const service = await startPayments();
const { call, client, database, provider } = service;
afterAll(async () => {
  await service.close();
});

const payer = await service.person();
const authorization = payer.authorization;

async function paid(body: object = {}, by = payer): Promise<string> {
  const accepted = await call('POST', '/payments', {
    body: { amount: '50', currency: 'EUR', description: 'Two birdhouses', ...body },
    authorization: by.authorization,
    headers: { 'idempotency-key': Bun.randomUUIDv7() },
  });
  const id = String(accepted.body.id);
  await client.beginPayment({ payment_id: id });
  await client.finishPayment({
    payment_id: id,
    outcome: { $case: 'transfer_id', value: Bun.randomUUIDv7() },
  });
  return id;
}
const refund = (id: string, body?: unknown, key?: string) =>
  call('POST', `/payments/${id}/refunds`, {
    authorization,
    ...(body !== undefined && { body }),
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
const read = async (id: string, by = payer) =>
  (await call('GET', `/payments/${id}`, { authorization: by.authorization })).body;
const finish = (refundId: unknown, failure_code?: string) =>
  client.finishRefund({ refund_id: String(refundId), failure_code });
const eventsAfterSuccess = async (id: string) => (await service.eventsOf(id)).slice(3);

describe('a partial refund', () => {
  test('refunds its amount; the payment is refunded with the last one', async () => {
    const id = await paid();
    const first = await refund(id, { amount: '5.00', reason: 'One was damaged' });
    expect([first.status, first.headers.get('location')]).toEqual([202, `/payments/${id}`]);
    expect(first.body).toMatchObject({
      payment_id: id,
      amount: '5.00',
      currency: 'EUR',
      reason: 'One was damaged',
      status: 'pending',
    });
    expect((await client.getRefund({ refund_id: String(first.body.id) })).refund?.amount).toBe('5.00');
    expect(await read(id)).toMatchObject({ status: 'succeeded', amount: '50.00', refunded_amount: '0.00' });
    await finish(first.body.id);
    expect(await read(id)).toMatchObject({ status: 'succeeded', refunded_amount: '5.00' });
    const listed = (await call('GET', '/payments?limit=1', { authorization })).body;
    expect(listed.items).toMatchObject([{ id, refunded_amount: '5.00' }]);
    const second = await refund(id, { amount: '20' });
    const rest = await refund(id);
    expect(rest.body).toMatchObject({ amount: '25.00', reason: null });
    await finish(rest.body.id);
    expect(await read(id)).toMatchObject({ status: 'succeeded', refunded_amount: '30.00' });
    await finish(second.body.id);
    await finish(second.body.id);
    expect(await read(id)).toMatchObject({ status: 'refunded', refunded_amount: '50.00' });
    expect(
      (await eventsAfterSuccess(id)).map(({ name, data }) => [name, data.amount, data.refund_amount]),
    ).toEqual([
      ['payment.refund-requested', '50.00', '5.00'],
      ['payment.partially-refunded', '50.00', '5.00'],
      ['payment.refund-requested', '50.00', '20.00'],
      ['payment.refund-requested', '50.00', '25.00'],
      ['payment.partially-refunded', '50.00', '25.00'],
      ['payment.refunded', '50.00', '20.00'],
    ]);
  });

  test('never exceeds what is left: pending refunds count, failed ones do not', async () => {
    const id = await paid();
    const pending = await refund(id, { amount: '30' });
    const refused = await refund(id, { amount: '20.01' });
    expect([refused.status, refused.body.code]).toEqual([409, 'payment.refund-exceeds']);
    expect(refused.body.detail).toContain('20.00 EUR');
    await finish(pending.body.id, 'account.insufficient-funds');
    expect((await refund(id, { amount: '50.01' })).body.detail).toContain('50.00 EUR');
    const all = await refund(id, { amount: '50.00' });
    expect(all.status).toBe(202);
    expect((await refund(id)).body.code).toBe('payment.not-refundable');
    expect((await refund(id, { amount: '0.01' })).body.code).toBe('payment.refund-exceeds');
    await finish(all.body.id);
    expect(await read(id)).toMatchObject({ status: 'refunded', refunded_amount: '50.00' });
    expect((await refund(id, { amount: '0.01' })).body.code).toBe('payment.not-refundable');
  });

  test('is decided one after the other for concurrent requests', async () => {
    const id = await paid();
    const responses = await Promise.all(Array.from({ length: 12 }, () => refund(id, { amount: '7.50' })));
    expect(responses.filter(({ status }) => status === 202)).toHaveLength(6);
    expect(responses.filter(({ body }) => body.code === 'payment.refund-exceeds')).toHaveLength(6);
  });

  test('is requested once per Idempotency-Key, which is bound to its amount', async () => {
    const id = await paid();
    const first = await refund(id, { amount: '5' }, 'five');
    const again = await refund(id, { amount: '5' }, 'five');
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true']);
    expect((await refund(id, { amount: '6' }, 'five')).body.code).toBe('idempotency.key-reused');
    expect((await refund(id, undefined, 'five')).body.code).toBe('idempotency.key-reused');
    expect((await read(id)).refunds).toHaveLength(1);
  });

  test('is replayed as an earlier version answered it', async () => {
    const keys: Record<string, string> = { 'idempotency-key': 'earlier-version' };
    const pay = () =>
      call('POST', '/payments', {
        body: { amount: '50', currency: 'EUR', description: 'Seeds' },
        authorization,
        headers: keys,
      });
    const { refunded_amount, ...payment } = (await pay()).body;
    expect(refunded_amount).toBe('0.00');
    const id = await paid();
    const { amount, currency, reason, ...whole } = (await refund(id, undefined, 'whole')).body;
    expect([amount, currency, reason]).toEqual(['50.00', 'EUR', null]);
    for (const [paymentId, body] of [
      [payment.id, payment],
      [id, whole],
    ])
      await database
        .update(idempotencyKeys)
        .set({ body: JSON.stringify(body) })
        .where(sql`${idempotencyKeys.headers} like ${`%/${paymentId}"%`}`)
        .orderBy(desc(idempotencyKeys.createdAt))
        .limit(1);
    expect(await pay()).toMatchObject({ status: 202, body: payment });
    const replayed = await refund(id, undefined, 'whole');
    expect([replayed.status, replayed.body]).toEqual([202, whole]);
  });

  test('has the minor digits of the currency of its payment', async () => {
    const yen = await paid({ amount: '100', currency: 'JPY' });
    expect((await refund(yen, { amount: '0.5' })).status).toBe(422);
    expect((await refund(yen, { amount: '1' })).body.amount).toBe('1');
    const dinar = await paid({ amount: '1', currency: 'KWD' });
    expect((await refund(dinar, { amount: '0.001' })).body.amount).toBe('0.001');
    expect((await refund(dinar)).body.amount).toBe('0.999');
  });

  test.each([
    ['zero', { amount: '0' }],
    ['a negative amount', { amount: '-5' }],
    ['a JSON number', { amount: 5 }],
    ['too many decimals', { amount: '5.001' }],
    ['an exponent', { amount: '1e1' }],
    ['digits of another script', { amount: '٥' }],
    ['no amount, but null', { amount: null }],
    ['a blank reason', { reason: '\u3164' }],
    ['a reason of two lines', { reason: 'a\nb' }],
    ['a list for a body', []],
    ['a string for a body', '"5.00"'],
    ['a number for a body', '5'],
  ])('with %s is rejected, and nothing is refunded', async (_case, body) => {
    const id = await paid();
    expect((await refund(id, body)).status).toBe(422);
    expect((await read(id)).refunds).toEqual([]);
  });

  test('of an erased payer keeps its amount and loses its reason', async () => {
    const leaving = await service.person();
    const id = await paid({}, leaving);
    await call('POST', `/payments/${id}/refunds`, {
      authorization: leaving.authorization,
      body: { amount: '1', reason: 'I am leaving' },
    });
    await anonymizePayments(database, leaving.id);
    const operator = await service.person(['payments:manage']);
    expect((await read(id, operator)).refunds).toMatchObject([{ amount: '1.00', reason: null }]);
  });

  test('without an amount in its row, as an earlier version wrote it, is of the whole payment', async () => {
    const id = await paid();
    const whole = await refund(id);
    await database.update(refunds).set({ amount: null });
    expect((await client.getRefund({ refund_id: String(whole.body.id) })).refund?.amount).toBe('50.00');
    expect((await refund(id, { amount: '1' })).body.detail).toContain('0.00 EUR');
    await finish(whole.body.id);
    expect(await read(id)).toMatchObject({ status: 'refunded', refunded_amount: '50.00' });
    await database.execute(sql`delete from refunds`);
  });
});

describe('the mock provider', () => {
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'none',
      (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
    );
  async function charged(payment_method = 'pm_ok', amount = '10.00') {
    const key = Bun.randomUUIDv7();
    await provider.charge({ idempotency_key: key, payment_method, amount, currency: 'EUR' });
    return key;
  }
  const give = (idempotency_key: string, amount?: string, refund_key = Bun.randomUUIDv7()) =>
    provider.refundCharge({ idempotency_key, refund_key, amount });

  test('refunds once per refund key, and never more than it has charged', async () => {
    const charge = await charged();
    const key = Bun.randomUUIDv7();
    const before = await Promise.all(Array.from({ length: 8 }, () => give(charge, '4.00', key)));
    const { state } = await provider.getCharge({ idempotency_key: charge });
    expect(new Set(before.map((each) => each.state))).toEqual(new Set([state]));
    expect(await codeOf(give(charge, '5.00', key))).toBe('charge.key-reused');
    expect(await codeOf(give(await charged(), '4.00', key))).toBe('charge.key-reused');
    expect(await codeOf(give(charge, '6.01'))).toBe('charge.not-refundable');
    expect(await codeOf(give(charge))).toBe('charge.not-refundable');
    await give(charge, '6.00');
    expect(await codeOf(give(charge, '0.01'))).toBe('charge.not-refundable');
    expect(await codeOf(give(charge))).toBe('charge.not-refundable');
    expect((await give(charge, '4.00', key)).state).not.toBe(state);
    expect(await codeOf(give(await charged('pm_declined'), '1.00'))).toBe('charge.not-refundable');
  });

  test('recognizes the refund of a version that named no key', async () => {
    const charge = await charged();
    await provider.refundCharge({ idempotency_key: charge });
    expect(await codeOf(give(charge))).toBe('none');
    expect(await codeOf(give(charge, '1.00'))).toBe('charge.not-refundable');
  });
});
