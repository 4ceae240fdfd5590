/**
 * Whether a text is a date of the Gregorian calendar: `YYYY-MM-DD` in ASCII digits, and a day that exists (RFC 3339,
 * section 5.6, full-date). 30 February is none.
 */
export function isCalendarDate(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // A parser may take 31 April for 1 May.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Whether a text is a year, a month or a day that exists: `YYYY`, `YYYY-MM` or `YYYY-MM-DD` (ISO 8601 reduced precision). */
export const isPartialDate = (text: string): boolean =>
  text.length <= 10 && isCalendarDate(`${text}-01-01`.slice(0, 10));
