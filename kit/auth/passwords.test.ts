import { expect, test } from 'bun:test';
import { Registry } from 'prom-client';
import { ServiceOverloaded } from '../core/queues/work-queue';
import { createPasswords } from './passwords';

const passwords = createPasswords(new Registry());
const CURRENT = { matches: true, isOutdated: false };
const OUTDATED = { matches: true, isOutdated: true };
const WRONG = { matches: false, isOutdated: false };
const hashOf = (form: string, parameters: { memoryCost: number; timeCost: number }) =>
  Bun.password.hash(form, { algorithm: 'argon2id', ...parameters });

test('a password matches its own hash only, and never a missing one', async () => {
  const hash = await passwords.rehash('correct horse', {});
  expect(hash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$');
  expect(await passwords.verify('correct horse', hash, {})).toEqual(CURRENT);
  expect(await passwords.verify('battery staple', hash, {})).toEqual(WRONG);
  expect(await passwords.verify('password of a missing account', null, {})).toEqual(WRONG);
});

test('a hash of weaker parameters is outdated', async () => {
  const weak = await hashOf('correct horse', { memoryCost: 4_096, timeCost: 1 });
  expect(await passwords.verify('correct horse', weak, {})).toEqual(OUTDATED);
  expect(await passwords.verify('battery staple', weak, {})).toEqual(WRONG);
  const bcrypt = await Bun.password.hash('correct horse', { algorithm: 'bcrypt', cost: 4 });
  expect(await passwords.verify('correct horse', bcrypt, {})).toEqual(OUTDATED);
});

test('the forms of a password that look the same are one password', async () => {
  const composed = 'pässwörd größe'.normalize('NFC');
  for (const typed of [composed, composed.normalize('NFD'), composed.replace(' ', '\u00a0')]) {
    const hash = await passwords.hashNew({ password: typed, field: 'password', names: [] }, {});
    for (const other of [composed, composed.normalize('NFD'), composed.replace(' ', '\u3000')])
      expect(await passwords.verify(other, hash, {})).toEqual(CURRENT);
    expect(await passwords.verify(composed.toUpperCase(), hash, {})).toEqual(WRONG);
  }
});

test('a hash that was made from the form before normalization matches that form, and is outdated', async () => {
  const decomposed = 'pässwörd größe'.normalize('NFD');
  const old = await hashOf(decomposed, { memoryCost: 19_456, timeCost: 2 });
  expect(await passwords.verify(decomposed, old, {})).toEqual(OUTDATED);
  expect(await passwords.verify(`${decomposed}!`, old, {})).toEqual(WRONG);
  expect(await passwords.verify(decomposed, null, {})).toEqual(WRONG);
});

test('calls beyond the queue limit are rejected immediately, and the others are served', async () => {
  const narrow = createPasswords(new Registry(), { limits: { concurrent: 1, waiting: 2 } });
  await narrow.verify('x', null, {});
  const many = await Promise.allSettled(Array.from({ length: 10 }, () => narrow.verify('x', null, {})));
  const refused = many.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(7);
  for (const one of refused) expect(one.reason).toBeInstanceOf(ServiceOverloaded);
  expect(await narrow.verify('x', null, {})).toEqual(WRONG);
});

test('nothing is hashed for a caller who has gone', async () => {
  const metrics = new Registry();
  const narrow = createPasswords(metrics, { limits: { concurrent: 1, waiting: 100 } });
  const gone = new AbortController();
  const first = narrow.rehash('correct horse', {});
  const { signal } = gone;
  const waiting = [
    narrow.verify('x', null, { signal }),
    narrow.rehash('correct horse', { signal }),
    narrow.hashNew({ password: 'correct horse', field: 'password', names: [] }, { signal }),
  ];
  gone.abort();
  for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected');
  expect(await narrow.verify('correct horse', await first, {})).toEqual(CURRENT);
  expect(await metrics.metrics()).toContain(
    'work_queue_dropped_total{queue="password hashes",reason="abandoned"} 3',
  );
});
