import { ValidationFailed } from '../errors/problem';

/** The active currencies of ISO 4217 (list one, without funds, metals and test codes). */
const CURRENCIES = new Set(
  (
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF ' +
    'CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD ' +
    'HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL ' +
    'LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP ' +
    'PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT ' +
    'TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW'
  ).split(' '),
);

/** Minor units of one amount. A million of these still fit into a BIGINT balance. */
const MOST_MINOR_UNITS = 9_999_999_999_999n;

const DECIMAL = /^([0-9]{1,16})(?:\.([0-9]{1,4}))?$/;

const digits = new Map<string, number>();

export const isCurrency = (code: string): boolean => CURRENCIES.has(code);

/**
 * Digits after the point, as ISO 4217 says: 2 for EUR, 0 for JPY, 3 for KWD.
 *
 * @throws RangeError for what is no currency
 */
export function minorDigitsOf(currency: string): number {
  if (!isCurrency(currency)) throw new RangeError('There is no such currency in ISO 4217');
  let known = digits.get(currency);
  if (known === undefined) {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    known = format.resolvedOptions().maximumFractionDigits ?? 2;
    digits.set(currency, known);
  }
  return known;
}

/**
 * Reads a decimal string exactly: nothing is rounded, fewer digits than the currency has are filled up.
 *
 * @param field what a refusal names
 * @returns minor units, at least 1
 * @throws ValidationFailed for what is no such number, for zero, too much, too many digits, and unknown currencies
 */
export function parseAmount(text: string, currency: string, field = 'amount'): bigint {
  const refuse = (message: string, of = field) => new ValidationFailed({ errors: [{ field: of, message }] });
  if (!isCurrency(currency)) throw refuse('A currency of ISO 4217, like EUR', 'currency');
  const [, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) throw refuse('A positive decimal number as text, like "12.50"');
  const allowed = minorDigitsOf(currency);
  if (fraction.length > allowed) throw refuse(`At most ${allowed} digits after the point in this currency`);
  const minor = BigInt(whole + fraction.padEnd(allowed, '0'));
  if (minor === 0n) throw refuse('More than zero');
  if (minor > MOST_MINOR_UNITS) throw refuse(`At most ${formatAmount(MOST_MINOR_UNITS, currency)}`);
  return minor;
}

/** Minor units as a decimal string with all digits of the currency: `1250n` in EUR is `12.50`. */
export function formatAmount(minor: bigint, currency: string): string {
  const allowed = minorDigitsOf(currency);
  const unsigned = String(minor < 0n ? -minor : minor).padStart(allowed + 1, '0');
  const sign = minor < 0n ? '-' : '';
  if (allowed === 0) return sign + unsigned;
  return `${sign}${unsigned.slice(0, -allowed)}.${unsigned.slice(-allowed)}`;
}
