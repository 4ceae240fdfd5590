import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { internedText } from './interned-strings';

test('interning returns the exact text, however many others preceded it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary-ascii', maxLength: 80 }),
      fc.nat(80),
      fc.nat(80),
      (text, one, other) => {
        const start = Math.min(one, other, text.length);
        const end = Math.min(Math.max(one, other), text.length);
        expect(internedText(text, start, end)).toBe(text.slice(start, end));
      },
    ),
    { numRuns: 20_000 },
  );
});
