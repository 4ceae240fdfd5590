import { expect, test } from 'bun:test';
import committed from '../kit/auth/common-passwords.txt' with { type: 'text' };
import { commonPasswords } from './generate-common-passwords';

test('the committed list is that of the library (else run `bun scripts/generate-common-passwords.ts`)', () => {
  expect(committed).toBe(commonPasswords());
});
