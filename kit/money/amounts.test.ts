import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatAmount, isCurrency, minorDigitsOf, parseAmount } from './amounts';

const codeOf = (make: () => unknown) => {
  try {
    make();
    return 'accepted';
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
    ['with too many decimals', '1.001', 'EUR'],
    ['with decimals in a currency without them', '1.0', 'JPY'],
    ['in digits of another script', '١٢', 'EUR'],
    ['an exponent', '1e3', 'EUR'],
    ['hexadecimal', '0x10', 'EUR'],
    ['with whitespace', ' 1', 'EUR'],
    ['with a comma', '1,50', 'EUR'],
    ['without an integer part', '.5', 'EUR'],
    ['without decimals after the point', '1.', 'EUR'],
    ['not a number', 'NaN', 'EUR'],
    ['infinite', 'Infinity', 'EUR'],
    ['empty', '', 'EUR'],
    ['too large', '100000000000.00', 'EUR'],
    ['far too large', '9'.repeat(60), 'EUR'],
    ['in an unknown currency', '1', 'ZZZ'],
    ['in a former currency', '1', 'DEM'],
    ['in a currency named like an object property', '1', 'constructor'],
  ])('that is %s is rejected', (_what, text, currency) => {
    expect(codeOf(() => parseAmount(text, currency))).toBe('request.invalid');
  });

  test('is nothing else than ASCII digits with at most one point', () => {
    const unit = fc.constantFrom(...'0059.,+-eExX _\n\t٥５½');
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 6 }), (text) => {
        const isAmount = /^[0-9]+(\.[0-9]{1,2})?$/.test(text) && /[1-9]/.test(text);
        expect([text, codeOf(() => parseAmount(text, 'EUR'))]).toEqual([
          text,
          isAmount ? 'accepted' : 'request.invalid',
        ]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('survives formatting and parsing with any number of decimals', () => {
    const currency = fc.constantFrom('JPY', 'EUR', 'KWD', 'USD', 'BHD', 'KRW');
    fc.assert(
      fc.property(currency, fc.bigInt({ min: 1n, max: 9_999_999_999_999n }), (code, minor) => {
        expect(parseAmount(formatAmount(minor, code), code)).toBe(minor);
        expect(formatAmount(-minor, code)).toBe(`-${formatAmount(minor, code)}`);
      }),
    );
  });
});

test('currencies have the minor digits of ISO 4217', () => {
  expect(['JPY', 'KRW', 'CLP', 'EUR', 'HUF', 'KWD', 'TND', 'IQD'].map(minorDigitsOf)).toEqual([
    0, 0, 0, 2, 2, 3, 3, 3,
  ]);
  expect(isCurrency('eur')).toBe(false);
});
