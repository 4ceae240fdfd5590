import { Type } from '@sinclair/typebox';

/** A decimal string with at most the decimals of its currency, like `12.50`. Never a JSON number. */
export const Amount = Type.String({
  pattern: '^-?[0-9]{1,16}(\\.[0-9]{1,4})?$',
  error: 'Must be a decimal number as text, like "12.50"',
  examples: ['12.50'],
});

/** ISO 4217. */
export const Currency = Type.String({
  pattern: '^[A-Z]{3}$',
  error: 'Must be an ISO 4217 currency, like EUR',
  examples: ['EUR'],
});
