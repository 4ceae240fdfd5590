import { expect, test } from 'bun:test';
import { requireStrength, weaknessOf } from './password-strength';

const NAMES = ['ada_lovelace', 'ada@analytical.example'];

test.each([
  'password',
  'PASSWORD',
  '12345678',
  'qwertyuiop',
  'iloveyou!',
  'Password2024!',
  'password 1',
  'p@ssw0rd',
  'aaaaaaaa',
  'abababab',
  'ада'.repeat(4),
  'ada_lovelace',
  'Ada_Lovelace1815',
  'ada@analytical.example',
  'ada_lovelacepassword',
])('%s is refused', async (password) => {
  expect(await weaknessOf(password, NAMES)).toBeString();
});

test.each([
  'a long password',
  'correct horse battery staple',
  'Mötley Crüe 1981',
  '😀😁😂🤣😃😄😅😆',
  '😀'.repeat(129),
  'ada_lovelace counts on engines',
  'adamant and analytical',
])('%s is accepted', async (password) => {
  expect(await weaknessOf(password, NAMES)).toBeUndefined();
});

test('the reason names the field and never repeats the password', async () => {
  const refusal = requireStrength({ password: 'qwertyuiop', field: 'new_password', names: [] });
  const message = expect.not.stringContaining('qwerty');
  await expect(refusal).rejects.toMatchObject({ status: 422, errors: [{ field: 'new_password', message }] });
});
