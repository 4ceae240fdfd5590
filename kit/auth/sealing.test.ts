import { expect, test } from 'bun:test';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { developmentIdentity } from '../core/identity';
import { createSealer, createSealerFor } from './sealing';
import { x25519PrivateKey, x25519PublicKey } from './x25519';

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

test('what is sealed for a process is opened by that process alone', async () => {
  const users = createSealerFor(developmentIdentity('users'), 'auth');
  const auth = createSealerFor(developmentIdentity('auth'), 'auth');
  const sealed = await users.seal('$argon2id$…');
  expect(await auth.open(sealed)).toBe('$argon2id$…');
  expect(await users.seal('$argon2id$…')).not.toBe(sealed);
  await expect(users.open(sealed)).rejects.toThrow();
  await expect(auth.open(`${sealed.slice(0, -2)}AA`)).rejects.toThrow();
});

test('what an older version has sealed with a shared secret is still opened, by the recipient', async () => {
  const shared = createSealer('one secret', 'credentials');
  const sealed = await shared.seal('$argon2id$…');
  const identity = developmentIdentity('auth');
  expect(await createSealerFor(identity, 'auth', shared).open(sealed)).toBe('$argon2id$…');
  await expect(createSealerFor(identity, 'auth').open(sealed)).rejects.toThrow();
});

test('the X25519 keys of a pair of Ed25519 keys are a pair', () => {
  for (let pair = 0; pair < 20; pair++) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const derived = createPublicKey(x25519PrivateKey(privateKey));
    expect(derived.equals(x25519PublicKey(publicKey))).toBe(true);
  }
});
