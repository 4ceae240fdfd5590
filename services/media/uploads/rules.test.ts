import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { hasUnprintable, isBlank } from '#kit/text/visible';
import { safeFileName } from './rules';

test('a file name is never a path, never empty, printable, and fits a file system', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (sent) => {
      const name = safeFileName(sent);
      expect(name).not.toMatch(/[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]|^\.*$/u);
      expect([...name].length).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
      expect(hasUnprintable(name) || isBlank(name)).toBe(false);
      expect(safeFileName(name)).toBe(name);
    }),
  );
});

test.each([
  [`${'👨‍👩‍👧‍👦'.repeat(20)}.jpeg`, `${'👨‍👩‍👧‍👦'.repeat(10)}.jpeg`],
  [`${'日'.repeat(100)}.pdf`, `${'日'.repeat(83)}.pdf`],
  ['نرم\u200cافزار.pdf', 'نرم\u200cافزار.pdf'],
  ['invoice\u202efdp.exe', 'invoicefdp.exe'],
  ['\u3164', 'file'],
  [`a${'\u0301'.repeat(400)}.png`, 'file.png'],
])('%j becomes %j', (sent, name) => expect(safeFileName(sent)).toBe(name));
