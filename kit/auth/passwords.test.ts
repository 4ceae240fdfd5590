import { expect, test } from 'bun:test';
import { ServiceOverloaded } from '../core/concurrency-limit';
import { createPasswords } from './passwords';

const passwords = createPasswords();

test('a password matches its own hash only, and never a missing one', async () => {
  const hash = await passwords.hash('correct horse');
  expect(hash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$');
  expect(await passwords.verify('correct horse', hash)).toBe(true);
  expect(await passwords.verify('battery staple', hash)).toBe(false);
  expect(await passwords.verify('password of a missing account', null)).toBe(false);
});

test('a hash with weaker parameters is outdated, a new one is not', async () => {
  expect(passwords.isOutdated(await passwords.hash('correct horse'))).toBe(false);
  expect(passwords.isOutdated('$argon2id$v=19$m=4096,t=1,p=1$c2FsdA$aGFzaA')).toBe(true);
  expect(passwords.isOutdated('$2b$10$abcdefghijklmnopqrstuv')).toBe(true);
});

test('calls beyond the queue limit are rejected immediately, and the others are served', async () => {
  const narrow = createPasswords({ concurrent: 1, waiting: 2 });
  const many = await Promise.allSettled(Array.from({ length: 10 }, () => narrow.verify('x', null)));
  const rejected = many.filter((one) => one.status === 'rejected');
  expect(rejected).toHaveLength(7);
  for (const one of rejected) expect(one.reason).toBeInstanceOf(ServiceOverloaded);
  expect(await narrow.verify('x', null)).toBe(false);
});
