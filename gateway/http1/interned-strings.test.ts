import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { internedText } from './interned-strings';

test('a text is what stands there, however many others there were before', () => {
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
