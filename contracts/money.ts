import { Type } from '@sinclair/typebox';

/** A decimal number with at most as many digits after the point as its currency has, like `12.50`. Never a JSON number. */
export const Amount = Type.String({
  pattern: '^-?[0-9]{1,16}(\\.[0-9]{1,4})?$',
  error: 'A decimal number as text, like "12.50"',
  examples: ['12.50'],
});

/** ISO 4217. */
export const Currency = Type.String({
  pattern: '^[A-Z]{3}$',
  error: 'Three capital letters of ISO 4217, like EUR',
  examples: ['EUR'],
});
