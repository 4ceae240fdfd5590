import { expect, test } from 'bun:test';
import { stripeAmount } from './amounts';

test.each([
  ['EUR', '12.50', 1_250],
  ['JPY', '1250', 1_250],
  ['KRW', '1250', 1_250],
  // No minor digits at Stripe, two by ISO 4217.
  ['MGA', '1250.00', 1_250],
  ['MGA', '1250.50', undefined],
  // Two at Stripe, none by ISO 4217.
  ['ISK', '5', 500],
  ['UGX', '5', 500],
  // Three, of which Stripe takes two.
  ['KWD', '5.120', 5_120],
  ['KWD', '5.123', undefined],
  ['EUR', '99999999999.99', 9_999_999_999_999],
] as const)('%s %s is %p in minor units of Stripe', (currency, amount, expected) => {
  expect(stripeAmount(amount, currency)).toBe(expected);
});
