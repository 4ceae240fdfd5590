import { afterAll, describe, expect, test } from 'bun:test';
import { outbox } from '#kit/messaging/tables';
import { startPayments } from '../../../tests/support/payments';
import { STRIPE_KEY, signature, startStripe, WEBHOOK_SECRET } from '../../../tests/support/stripe';
import { webhookEvents } from '../schema';
import { WEBHOOK_BODY_BYTES } from './service';

const OLD_SECRET = 'whsec_0123456789abcdefBefore';
const PATH = '/payments/webhooks/stripe';
const service = await startPayments({ webhookSecrets: [WEBHOOK_SECRET, OLD_SECRET] });
const stripe = startStripe();
const { call, client, database } = service;
afterAll(async () => {
  await service.close();
  stripe.stop();
});

const payer = await service.person();

/** A payment that waits for its payer, and its intent. */
async function waitingPayment() {
  const { body } = await call('POST', '/payments', {
    body: { amount: '12.50', currency: 'EUR', description: 'Stickers' },
    authorization: payer.authorization,
    headers: { 'idempotency-key': Bun.randomUUIDv7() },
  });
  const id = String(body.id);
  const reference = `pi_${id.replaceAll('-', '')}`;
  await client.beginPayment({ payment_id: id });
  await client.recordCharge({
    payment_id: id,
    provider: 'stripe',
    provider_reference: reference,
    client_secret: `${reference}_secret_x`,
  });
  return { id, intent: { id: reference, object: 'payment_intent', amount: 1_250, currency: 'eur' } };
}
type Event = Awaited<ReturnType<typeof stripe.event>>;
const send = ({ payload, header }: Event, headers: Record<string, string> = {}) =>
  call('POST', PATH, { body: payload, headers: { 'stripe-signature': header, ...headers } });
const changesOf = async (id: string) =>
  (await service.eventsOf(id)).filter(({ name }) => /-changed$/.test(name)).length;
const state = async () => [await database.$count(webhookEvents), await database.$count(outbox)];

describe('an event', () => {
  test('makes the worker look at the payment; each has one effect, however often it arrives', async () => {
    const { id, intent } = await waitingPayment();
    const event = await stripe.event('payment_intent.succeeded', intent);
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(event)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect(await changesOf(id)).toBe(1);
    const later = { ...event, header: (await stripe.event('x', {}, {})).header };
    expect((await send(later)).status).toBe(400);
    expect(await changesOf(id)).toBe(1);
    // Another one about the same payment is another hint.
    expect((await send(await stripe.event('payment_intent.processing', intent))).status).toBe(204);
    expect(await changesOf(id)).toBe(2);
  });

  test('changes no state itself, and is without effect for a payment that has ended', async () => {
    const { id, intent } = await waitingPayment();
    await send(await stripe.event('payment_intent.succeeded', intent));
    const { body } = await call('GET', `/payments/${id}`, { authorization: payer.authorization });
    expect(body.status).toBe('processing');
    const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
    await client.finishPayment({ payment_id: id, outcome });
    const before = await changesOf(id);
    for (const type of ['payment_intent.created', 'payment_intent.payment_failed', 'payment_intent.canceled'])
      expect((await send(await stripe.event(type, intent))).status).toBe(204);
    expect(await changesOf(id)).toBe(before);
  });

  test('of a refund makes the worker look at the refund, while it is pending', async () => {
    const { id, intent } = await waitingPayment();
    const outcome = { $case: 'transfer_id' as const, value: Bun.randomUUIDv7() };
    await client.finishPayment({ payment_id: id, outcome });
    const refund = await call('POST', `/payments/${id}/refunds`, { authorization: payer.authorization });
    const refundId = String(refund.body.id);
    const object = {
      id: 're_1',
      object: 'refund',
      payment_intent: intent.id,
      metadata: { refund_id: refundId },
    };
    expect((await send(await stripe.event('refund.updated', object))).status).toBe(204);
    expect(await changesOf(refundId)).toBe(1);
    await client.finishRefund({ refund_id: refundId });
    expect((await send(await stripe.event('refund.failed', object))).status).toBe(204);
    expect(await changesOf(refundId)).toBe(1);
  });

  test('of an unknown type or about something unknown is acknowledged without effect', async () => {
    const [, before] = await state();
    for (const [type, object] of [
      ['payment_intent.succeeded', { id: 'pi_of_another_system', object: 'payment_intent' }],
      ['payment_intent.succeeded', { object: 'payment_intent', metadata: null }],
      ['refund.updated', { id: 're_2', object: 'refund', metadata: { refund_id: Bun.randomUUIDv7() } }],
      ['refund.updated', { id: 're_3', object: 'refund', metadata: { refund_id: 'x' } }],
      ['customer.subscription.deleted', { id: 'sub_1', object: 'subscription' }],
      ['something.of.next.year', {}],
    ] as const)
      expect([type, (await send(await stripe.event(type, object))).status]).toEqual([type, 204]);
    expect((await state())[1]).toBe(before);
  });

  test('may be signed with any of the secrets', async () => {
    const { intent } = await waitingPayment();
    const event = await stripe.event('payment_intent.succeeded', intent, { secret: OLD_SECRET });
    expect((await send(event)).status).toBe(204);
  });
});

describe('a request that is no event of Stripe', () => {
  test.each([
    ['another secret', { secret: 'whsec_0123456789abcdefForged' }],
    ['the secret API key', { secret: STRIPE_KEY }],
    ['a time of six minutes ago', { atMs: Date.now() - 360_000 }],
    ['a time to come', { atMs: Date.now() + 360_000 }],
  ])('signed with %s, is refused without effect', async (_case, options) => {
    const { intent } = await waitingPayment();
    const before = await state();
    const answer = await send(await stripe.event('payment_intent.succeeded', intent, options));
    expect([answer.status, answer.body.code]).toEqual([400, 'webhook.invalid-signature']);
    expect(await state()).toEqual(before);
  });

  test('without a signature, with a changed body or with no JSON is refused without effect', async () => {
    const { intent } = await waitingPayment();
    const before = await state();
    const event = await stripe.event('payment_intent.succeeded', intent);
    expect((await call('POST', PATH, { body: event.payload })).status).toBe(400);
    expect((await call('POST', PATH)).status).toBe(400);
    const changed = { ...event, payload: event.payload.replace('1250', '1251') };
    expect((await send(changed)).body.code).toBe('webhook.invalid-signature');
    for (const payload of ['nothing', '[]', '{"id":"evt_1"}', '{"id":1,"type":2,"data":{"object":{}}}']) {
      const answer = await send({ payload, header: await signature(payload) });
      expect([answer.status, answer.body.code]).toEqual([400, 'request.malformed']);
      expect(JSON.stringify(answer.body)).not.toContain('evt_1');
    }
    expect(await state()).toEqual(before);
  });

  test('larger than an event is refused before it is verified', async () => {
    const event = await stripe.event('x', { text: 'x'.repeat(WEBHOOK_BODY_BYTES) });
    expect((await send(event)).status).toBe(413);
  });
});

test('the client secret is shown to the payer alone, and only while the payment is processing', async () => {
  const { id, intent } = await waitingPayment();
  const read = async (by: { authorization: string }) =>
    (await call('GET', `/payments/${id}`, { authorization: by.authorization })).body.client_secret;
  expect(await read(payer)).toBe(`${intent.id}_secret_x`);
  expect(await read(await service.person(['payments:manage']))).toBeUndefined();
  const listed = await call('GET', '/payments', { authorization: payer.authorization });
  expect(JSON.stringify(listed.body)).not.toContain('_secret_');
  expect(JSON.stringify(await service.eventsOf(id))).not.toContain('_secret_');
  const failing = { $case: 'failure_code' as const, value: 'payment.expired' };
  await client.finishPayment({ payment_id: id, outcome: failing });
  expect(await read(payer)).toBeUndefined();
});

test('the first record of a charge stays', async () => {
  const { id, intent } = await waitingPayment();
  const again = { payment_id: id, provider: 'stripe', provider_reference: 'pi_other' };
  expect((await client.recordCharge(again)).payment?.provider_reference).toBe(intent.id);
});
