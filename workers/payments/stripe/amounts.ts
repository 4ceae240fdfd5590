import { minorDigitsOf, parseAmount } from '#kit/money/amounts';

/**
 * Where Stripe counts other minor units than ISO 4217 has: the ariary without any, the króna and the shilling with two,
 * which must be zeros (https://docs.stripe.com/currencies#zero-decimal and #special-cases).
 */
const STRIPE_DIGITS: Readonly<Record<string, number>> = { MGA: 0, ISK: 2, UGX: 2 };
/** Stripe rounds the last of three minor digits: it must be a zero. */
const THREE_DIGITS_STEP = 10n;

/**
 * An amount in Stripe's minor units; undefined for one that Stripe cannot charge exactly, like 0.001 KWD.
 *
 * @param amount a decimal string
 * @param currency ISO 4217
 */
export function stripeAmount(amount: string, currency: string): number | undefined {
  const minor = parseAmount(amount, currency);
  const digits = minorDigitsOf(currency);
  const target = STRIPE_DIGITS[currency] ?? digits;
  if (digits === 3 && minor % THREE_DIGITS_STEP !== 0n) return undefined;
  const scale = 10n ** BigInt(Math.abs(target - digits));
  if (target < digits && minor % scale !== 0n) return undefined;
  // Within a safe integer: `parseAmount` bounds it.
  return Number(target < digits ? minor / scale : minor * scale);
}
