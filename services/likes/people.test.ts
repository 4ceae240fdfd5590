import { expect, test } from 'bun:test';
import { createPersonLookup } from './people';

test('a username is cached for a minute, in any case, and a failure is not', async () => {
  let nowMs = 1_000;
  let lookups = 0;
  let isUnavailable = true;
  const findPerson = createPersonLookup(
    {
      async getUserByUsername({ username }) {
        if (isUnavailable) throw new Error('unavailable');
        return { user: { id: `id-${++lookups}`, username, display_name: username, version: 1 } };
      },
    },
    () => nowMs,
  );
  await expect(findPerson('Ada')).rejects.toThrow('unavailable');
  isUnavailable = false;
  expect(await findPerson('Ada')).toBe('id-1');
  nowMs += 59_999;
  expect(await findPerson('ada')).toBe('id-1');
  nowMs += 2;
  expect(await findPerson('ada')).toBe('id-2');
  expect(await findPerson('Kim')).toBe('id-3');
  // KELVIN SIGN, whose lower case is k: no username has it.
  expect(await findPerson('\u212aim')).toBe('id-4');
});
