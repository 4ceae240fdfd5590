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

/** The maximum amount in minor units. A million of these still fit into a BIGINT balance. */
const MAX_MINOR_UNITS = 9_999_999_999_999n;

const DECIMAL = /^([0-9]{1,16})(?:\.([0-9]{1,4}))?$/;

const digits = new Map<string, number>();

/** Whether a code is an active currency of ISO 4217. */
export const isCurrency = (code: string): boolean => CURRENCIES.has(code);

/**
 * The number of minor digits by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD.
 *
 * @throws RangeError for an unknown currency
 */
export function minorDigitsOf(currency: string): number {
  if (!isCurrency(currency)) throw new RangeError('Unknown ISO 4217 currency');
  let known = digits.get(currency);
  if (known === undefined) {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    known = format.resolvedOptions().maximumFractionDigits ?? 2;
    digits.set(currency, known);
  }
  return known;
}

/**
 * Parses a decimal string exactly: nothing is rounded, missing decimals are zeros.
 *
 * @param field named by the validation error
 * @returns minor units, at least 1
 * @throws ValidationFailed for malformed numbers, zero, amounts that are too large, too many decimals, and unknown
 *   currencies
 */
export function parseAmount(text: string, currency: string, field = 'amount'): bigint {
  const invalid = (message: string, of = field) => new ValidationFailed({ errors: [{ field: of, message }] });
  if (!isCurrency(currency)) throw invalid('Must be an ISO 4217 currency, like EUR', 'currency');
  const [, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) throw invalid('Must be a positive decimal number as text, like "12.50"');
  const allowed = minorDigitsOf(currency);
  if (fraction.length > allowed) throw invalid(`Must have at most ${allowed} decimals in this currency`);
  const minor = BigInt(whole + fraction.padEnd(allowed, '0'));
  if (minor === 0n) throw invalid('Must be greater than zero');
  if (minor > MAX_MINOR_UNITS) throw invalid(`Must be at most ${formatAmount(MAX_MINOR_UNITS, currency)}`);
  return minor;
}

/** Formats minor units as a decimal string with all decimals of the currency: `1250n` in EUR is `12.50`. */
export function formatAmount(minor: bigint, currency: string): string {
  const allowed = minorDigitsOf(currency);
  const unsigned = String(minor < 0n ? -minor : minor).padStart(allowed + 1, '0');
  const sign = minor < 0n ? '-' : '';
  if (allowed === 0) return sign + unsigned;
  return `${sign}${unsigned.slice(0, -allowed)}.${unsigned.slice(-allowed)}`;
}
