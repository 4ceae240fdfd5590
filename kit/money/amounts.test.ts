import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatAmount, isCurrency, minorDigitsOf, parseAmount } from './amounts';

const codeOf = (make: () => unknown) => {
  try {
    make();
    return 'taken';
  } catch (failure) {
    return failure instanceof Error && 'code' in failure ? failure.code : String(failure);
  }
};

describe('an amount', () => {
  test.each([
    ['100.00', 'EUR', 10_000n],
    ['100', 'EUR', 10_000n],
    ['0.5', 'EUR', 50n],
    ['0.01', 'EUR', 1n],
    ['1200', 'JPY', 1_200n],
    ['1.234', 'KWD', 1_234n],
    ['00.10', 'USD', 10n],
    ['99999999999.99', 'EUR', 9_999_999_999_999n],
  ])('%s %s is exactly %s minor units', (text, currency, minor) => {
    expect(parseAmount(text, currency)).toBe(minor);
  });

  test.each([
    ['zero', '0', 'EUR'],
    ['zero with digits', '0.00', 'EUR'],
    ['negative', '-1', 'EUR'],
    ['with a digit too many', '1.001', 'EUR'],
    ['with a digit where there are none', '1.0', 'JPY'],
    ['in digits of another script', '١٢', 'EUR'],
    ['an exponent', '1e3', 'EUR'],
    ['hexadecimal', '0x10', 'EUR'],
    ['with blanks', ' 1', 'EUR'],
    ['with a comma', '1,50', 'EUR'],
    ['without a whole part', '.5', 'EUR'],
    ['with an end missing', '1.', 'EUR'],
    ['not a number', 'NaN', 'EUR'],
    ['infinite', 'Infinity', 'EUR'],
    ['empty', '', 'EUR'],
    ['too much', '100000000000.00', 'EUR'],
    ['far too much', '9'.repeat(60), 'EUR'],
    ['in no currency', '1', 'ZZZ'],
    ['in a currency of the past', '1', 'DEM'],
    ['in a name every object has', '1', 'constructor'],
  ])('that is %s is refused', (_what, text, currency) => {
    expect(codeOf(() => parseAmount(text, currency))).toBe('request.invalid');
  });

  test('survives being written and read in every number of digits', () => {
    const currency = fc.constantFrom('JPY', 'EUR', 'KWD', 'USD', 'BHD', 'KRW');
    fc.assert(
      fc.property(currency, fc.bigInt({ min: 1n, max: 9_999_999_999_999n }), (code, minor) => {
        expect(parseAmount(formatAmount(minor, code), code)).toBe(minor);
        expect(formatAmount(-minor, code)).toBe(`-${formatAmount(minor, code)}`);
      }),
    );
  });
});

test('currencies have the digits ISO 4217 gives them', () => {
  expect(['JPY', 'KRW', 'CLP', 'EUR', 'HUF', 'KWD', 'TND', 'IQD'].map(minorDigitsOf)).toEqual([
    0, 0, 0, 2, 2, 3, 3, 3,
  ]);
  expect(isCurrency('eur')).toBe(false);
});
