import { afterAll, describe, expect, test } from 'bun:test';
import { startPayments } from '../../tests/support/payments';
import { testRuntime } from '../../tests/support/servers';
import { startStripe } from '../../tests/support/stripe';
import { mockProvider } from './mock';
import type { Charge, OpenedCharge, Provider, RecordedCharge } from './provider';
import { openStripe } from './stripe/api';
import { stripeProvider } from './stripe/provider';

const payments = await startPayments();
const stripe = startStripe();
const runtime = testRuntime('payments-worker');
afterAll(async () => {
  await runtime.close();
  await payments.close();
  stripe.stop();
});

/** What every provider promises to the worker, for each of them. */
const PROVIDERS = [
  { provider: mockProvider(payments.provider), accepted: 'pm_ok', declined: 'pm_declined' },
  {
    provider: stripeProvider(await openStripe(runtime, stripe.settings)),
    accepted: 'pm_card_visa',
    declined: 'pm_card_chargeDeclined',
  },
];

describe.each(PROVIDERS)('$provider.name', ({ provider, accepted, declined }) => {
  const requested = (paymentMethod = accepted): Charge => ({
    key: Bun.randomUUIDv7(),
    paymentMethod,
    amount: '10.00',
    currency: 'EUR',
  });
  const refund = (charge: RecordedCharge, amount: string, key = Bun.randomUUIDv7()) =>
    provider.refund({ charge, amount, key });

  test('announces a charge once per key, without charging', async () => {
    const charge = requested();
    const [first, again] = [await open(provider, charge), await open(provider, charge)];
    expect(again).toEqual(first);
    expect(await provider.find(first)).not.toBe('succeeded');
    expect(await provider.find({ ...requested(), reference: undefined })).toBeUndefined();
  });

  test('charges once, however often it is asked', async () => {
    const charge = await open(provider, requested());
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => provider.charge(charge)));
    expect(new Set(outcomes)).toEqual(new Set(['succeeded']));
    expect(await provider.find(charge)).toBe('succeeded');
    expect(await provider.cancel(charge)).toBe('succeeded');
    await refund(charge, '10.00');
    expect(await provider.charge(charge)).toBe('refunded');
    await expect(refund(charge, '0.01')).rejects.toThrow();
  });

  test.each([declined, 'pm_unknown'])('declines %s for ever', async (method) => {
    const charge = await open(provider, requested(method));
    expect(await provider.charge(charge)).toBe('declined');
    expect(['declined', 'canceled']).toContain(String(await provider.find(charge)));
    expect(await provider.charge(charge)).not.toBe('succeeded');
    await expect(refund(charge, '1.00')).rejects.toThrow();
  });

  test('refunds once per key, and never more than it has charged', async () => {
    const charge = await open(provider, requested());
    await provider.charge(charge);
    const key = Bun.randomUUIDv7();
    for (let count = 0; count < 3; count++) expect(await refund(charge, '4.00', key)).toBe('succeeded');
    expect(await provider.find(charge)).toBe('succeeded');
    await expect(refund(charge, '6.01')).rejects.toThrow();
    expect(await refund(charge, '6.00')).toBe('succeeded');
    expect(await provider.find(charge)).toBe('refunded');
  });
});

/** @returns the charge with its reference */
async function open(provider: Provider, charge: Charge): Promise<Charge & OpenedCharge> {
  const opened = await provider.open(charge);
  if ('rejection' in opened) throw new Error(`rejected: ${opened.rejection}`);
  return { ...charge, ...opened };
}
