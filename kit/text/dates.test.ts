import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { isCalendarDate, isPartialDate } from './dates';

const day = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });

describe('a calendar date', () => {
  test('is every day that exists, as a day, a month or a year', () => {
    fc.assert(
      fc.property(day, (date) => {
        const text = date.toISOString().slice(0, 10);
        expect([text, isCalendarDate(text)]).toEqual([text, true]);
        for (const length of [4, 7, 10]) expect(isPartialDate(text.slice(0, length))).toBe(true);
      }),
    );
  });

  test('is no day that does not exist', () => {
    const part = (max: number) => fc.nat(max).map((number) => String(number).padStart(2, '0'));
    fc.assert(
      fc.property(fc.integer({ min: 1900, max: 2100 }), part(13), part(40), (year, month, dayOfMonth) => {
        const daysIn = new Date(Date.UTC(year, Number(month), 0)).getUTCDate();
        const exists =
          Number(month) >= 1 &&
          Number(month) <= 12 &&
          Number(dayOfMonth) >= 1 &&
          Number(dayOfMonth) <= daysIn;
        expect(isCalendarDate(`${year}-${month}-${dayOfMonth}`)).toBe(exists);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ...['', '2021', '2021-4-1', '20210401', '2021-04-01T00:00:00Z', ' 2021-04-01', '2021-04-01\n'],
    ...['٢٠٢١-٠٤-٠١', '+2021-04-01', '-021-04-01', '12021-04-01', '2021-02-29', '1900-02-29', '2021-04-31'],
  ])('is not %j', (text) => expect(isCalendarDate(text)).toBe(false));

  test.each([
    '',
    '20',
    '2021-',
    '2021-4',
    '2021-13',
    '2021-00',
    '2021-04-',
    '2021-04-31',
    '2021-04-01-01',
    'spring',
  ])('is not %j, not even in part', (text) => expect(isPartialDate(text)).toBe(false));
});
