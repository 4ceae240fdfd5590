import { FormatRegistry, type StringOptions, type TSchema, type TString, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { isCalendarDate } from '../text/dates';

/** The schema of a value that may be null, as OpenAPI 3.1 writes it. */
export const nullable = <Schema extends TSchema>(schema: Schema, options: { description?: string } = {}) =>
  Type.Union([schema, Type.Null()], options);

/** The first place on earth where a day begins is 14 hours ahead of UTC: what is later than there is the future everywhere. */
const EARLIEST_ZONE_MS = 14 * 3_600_000;

/**
 * The schema of a date that exists, `YYYY-MM-DD`; 30 February does not.
 *
 * @param limits `from`: the earliest date accepted; `until`: `today` for a date that is not in the future
 */
export function calendarDate(
  limits: { readonly from?: string; readonly until?: 'today' } = {},
  options: StringOptions = {},
): TString {
  const { from = '', until } = limits;
  const format = `calendar-date${from && `-from-${from}`}${until === undefined ? '' : `-until-${until}`}`;
  FormatRegistry.Set(format, (value) => {
    if (!isCalendarDate(value) || value < from) return false;
    return until === undefined || value <= new Date(Date.now() + EARLIEST_ZONE_MS).toISOString().slice(0, 10);
  });
  return Type.String({
    format,
    error: `A date such as 1990-12-31${from && `, from ${from}`}${until === undefined ? '' : ', not in the future'}`,
    examples: ['1990-12-31'],
    ...options,
  });
}

/** In decimal digits, without a plus sign, blanks or leading zeros. Elysia's own check takes `1e2` and `0x10` as well. */
const DECIMAL_INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
FormatRegistry.Set('integer', (value) => DECIMAL_INTEGER.test(value));

/** The schema of an integer in a query, where it arrives as text: decimal digits only. */
export const decimalInteger: typeof t.Integer = (options) => t.Integer(options);
