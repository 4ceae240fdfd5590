import { FormatRegistry, type StringOptions, type TString, Type } from '@sinclair/typebox';
import { countGraphemes } from './graphemes';
import { hasUnprintable, isBlank } from './visible';

export interface TextLimits {
  /** Graphemes, counted by `countGraphemes`; 1 unless said otherwise. With 0 the text may be blank. */
  readonly min?: number;
  readonly max: number;
  /**
   * UTF-16 code units, also of the NFC form, so that a grapheme of thousands of combining marks is refused; eight for each
   * unless said otherwise. A column of this length holds the text and its NFC form.
   */
  readonly maxUnits?: number;
}

const UNITS_PER_GRAPHEME = 8;

/**
 * The schema of a text that people write and read: limited in graphemes, printable, and not blank unless its minimum is 0.
 * JSON Schema counts code points and cannot say this; `minLength` and `maxLength` are the outer bounds, and the
 * description states the rule.
 */
export function text(limits: TextLimits, options: StringOptions = {}): TString {
  const { min = 1, max } = limits;
  const maxUnits = limits.maxUnits ?? max * UNITS_PER_GRAPHEME;
  const rule =
    min === 0
      ? `At most ${max} characters`
      : min === 1
        ? `1 to ${max} visible characters`
        : `${min} to ${max} characters`;
  return Type.String({
    ...options,
    ...(min > 0 && { minLength: min }),
    maxLength: maxUnits,
    format: registered(min, max, maxUnits),
    description: options.description === undefined ? rule : `${options.description} (${rule.toLowerCase()})`,
    error: rule,
  });
}

/** Without what breaks a text into lines or columns (UAX #14: CR, LF, LS, PS). */
const ONE_LINE = '^[^\\n\\r\\t\\u2028\\u2029]*$';

/** Like `text`, and on one line: names, titles, descriptions that stand in a row of a table. */
export const lineOfText = (limits: TextLimits, options: StringOptions = {}): TString => {
  const schema = text(limits, { ...options, pattern: ONE_LINE });
  return { ...schema, error: `${schema.error}, no line breaks` };
};

/** The name of the format for these limits; registered once for each. */
function registered(min: number, max: number, maxUnits: number): string {
  const name = `text-${min}-${max}-${maxUnits}`;
  if (!FormatRegistry.Has(name))
    FormatRegistry.Set(name, (value) => {
      if (hasUnprintable(value) || (min > 0 && isBlank(value))) return false;
      // NFC may take three times as many code units (UAX #15, section 11.2).
      if (value.length * 3 > maxUnits && value.normalize('NFC').length > maxUnits) return false;
      // Graphemes are no more than code units, and no fewer than a text of one byte each needs.
      if (value.length <= max && min <= 1) return true;
      const length = countGraphemes(value);
      return length >= min && length <= max;
    });
  return name;
}
