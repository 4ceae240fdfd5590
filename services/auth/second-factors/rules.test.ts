import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  createRecoveryCode,
  hashRecoveryCode,
  isMultiFactor,
  recoveryCodeKey,
  withPassword,
  withSecondFactor,
} from './rules';

const methods = fc.array(fc.constantFrom('pwd', 'otp', 'hwk', 'swk', 'user', 'mfa'));

test('a sign-in is of several factors exactly when a second one was shown', () => {
  fc.assert(
    fc.property(methods, methods, (first, second) => {
      const shown = withSecondFactor(first, second);
      expect(isMultiFactor(shown)).toBe(true);
      expect(new Set(shown)).toEqual(new Set([...first, ...second, 'mfa']));
      expect(shown.length).toBe(new Set(shown).size);
    }),
  );
  expect([isMultiFactor(null), isMultiFactor([]), isMultiFactor(['pwd', 'otp'])]).toEqual([
    false,
    false,
    false,
  ]);
});

test('typing the password again neither adds nor takes a factor', () => {
  fc.assert(
    fc.property(methods, (shown) => {
      expect(isMultiFactor(withPassword(shown))).toBe(isMultiFactor(shown));
      expect(new Set(withPassword(shown))).toEqual(new Set(['pwd', ...shown]));
    }),
  );
  expect(withPassword()).toEqual(['pwd']);
});

test('recovery codes are of 80 bits each, and none is like another', () => {
  const codes = Array.from({ length: 1_000 }, createRecoveryCode);
  for (const code of codes) expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}$/);
  expect(new Set(codes).size).toBe(codes.length);
  // Every letter at every place: a bias would cost bits.
  for (let place = 0; place < 16; place++)
    expect(new Set(codes.map((code) => recoveryCodeKey(code)[place])).size).toBe(32);
});

test('a recovery code may be typed in any case, with or without hyphens, and with letters for the digits they look like', () => {
  const typed = fc.array(
    fc.record({ upper: fc.boolean(), lookAlike: fc.constantFrom('i', 'l', 'I', 'L'), blank: fc.boolean() }),
    { minLength: 16, maxLength: 16 },
  );
  fc.assert(
    fc.property(typed, (ways) => {
      const code = createRecoveryCode();
      const text = [...recoveryCodeKey(code)]
        .map((letter, index) => {
          const way = ways[index];
          const seen = letter === '0' ? 'O' : letter === '1' ? way?.lookAlike : letter;
          return `${way?.upper ? seen?.toUpperCase() : seen}${way?.blank ? ' ' : ''}`;
        })
        .join('');
      expect(hashRecoveryCode(text)).toBe(hashRecoveryCode(code));
    }),
  );
});
