import { expect, test } from 'bun:test';
import { createSealer } from './sealing';

test('a sealed value opens with the same secret and purpose only, and not after tampering', async () => {
  const sealer = createSealer('one secret', 'credentials');
  const sealed = await sealer.seal('$argon2id$…');
  expect(sealed).not.toContain('argon2id');
  expect(await sealer.open(sealed)).toBe('$argon2id$…');
  expect(await sealer.seal('$argon2id$…')).not.toBe(sealed);
  expect(createSealer('another secret', 'credentials').open(sealed)).rejects.toThrow();
  expect(createSealer('one secret', 'keys').open(sealed)).rejects.toThrow();
  expect(sealer.open(`${sealed.slice(0, -2)}AA`)).rejects.toThrow();
});
