import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { safeFileName } from './rules';

test('a file name is never a path, never empty, and fits its column', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (sent) => {
      const name = safeFileName(sent);
      expect(name).not.toMatch(/[/\\\p{Cc}]|^\.*$/u);
      expect([...name].length).toBeLessThanOrEqual(255);
    }),
  );
});
