import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { createShares, type ShareLimits, type ShareOwner, type Shares } from './shares';

const LIMITS = { maximum: 20, anonymous: 10, perAddress: 4, perPerson: 3 };
const sharesWith = (limits: ShareLimits) => createShares(new Registry(), { name: 'streams', limits });
const stranger = (address: string): ShareOwner => ({ personId: null, address });
const person = (personId: string, address = '192.0.2.1'): ShareOwner => ({ personId, address });

/** Opens streams until the first refusal. */
function fill(shares: Shares, owner: ShareOwner): number {
  let count = 0;
  for (; shares.refusal(owner) === undefined; count++) shares.acquire(owner);
  return count;
}

test('a flood from one address takes only its share', () => {
  const shares = sharesWith(LIMITS);
  expect(fill(shares, stranger('192.0.2.1'))).toBe(4);
  expect(shares.refusal(stranger('192.0.2.1'))).toBe('share');
  expect(() => shares.acquire(stranger('::ffff:192.0.2.1'))).toThrow('Too many open streams of one client');
  expect(fill(shares, stranger('192.0.2.2'))).toBe(4);
  // One site has a /64 of IPv6 addresses.
  expect(fill(shares, stranger('2001:db8::1'))).toBe(2);
  expect(shares.refusal(stranger('2001:db8::2'))).toBe('full');
});

test('strangers leave room for people, also at their own address', () => {
  const shares = sharesWith(LIMITS);
  for (let host = 1; host <= 5; host++) fill(shares, stranger(`192.0.2.${host}`));
  expect(shares.used).toBe(10);
  expect(() => shares.acquire(stranger('198.51.100.1'))).toThrow('Retry in a moment');
  expect(fill(shares, person('ada'))).toBe(3);
  expect(fill(shares, person('bob', '198.51.100.1'))).toBe(3);
});

test('a person has a share, and so has an address of many people', () => {
  const shares = sharesWith(LIMITS);
  expect(fill(shares, person('ada', '192.0.2.1'))).toBe(3);
  expect(shares.refusal(person('ada', '192.0.2.2'))).toBe('share');
  const others = Array.from({ length: 9 }, (_, count) => fill(shares, person(`account-${count}`)));
  expect(others.reduce((sum, count) => sum + count, 3)).toBe(10);
  expect(fill(shares, person('bob', '198.51.100.1'))).toBe(3);
});

test('a released place is free again, once; whatever the order, no limit is exceeded and nothing leaks', () => {
  const owners = fc.record({
    personId: fc.constantFrom(null, null, 'ada', 'bob', 'eve'),
    address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(owners, fc.boolean()), { maxLength: 80 }), (steps) => {
      const shares = sharesWith(LIMITS);
      const held: { owner: ShareOwner; release: () => void }[] = [];
      for (const [owner, leaves] of steps) {
        if (leaves) {
          const first = held.shift();
          first?.release();
          first?.release();
        } else if (shares.refusal(owner) === undefined) held.push({ owner, release: shares.acquire(owner) });
        const of = (matches: (owner: ShareOwner) => boolean) =>
          held.filter((one) => matches(one.owner)).length;
        expect(shares.used).toBe(held.length);
        expect(of(({ personId }) => personId === null)).toBeLessThanOrEqual(LIMITS.anonymous);
        expect(of(({ personId }) => personId === 'ada')).toBeLessThanOrEqual(LIMITS.perPerson);
        expect(
          of(({ personId, address }) => personId === null && address.startsWith('2001:')),
        ).toBeLessThanOrEqual(LIMITS.perAddress);
      }
      for (const { release } of held) release();
      expect(shares.used).toBe(0);
      expect(fill(shares, stranger('192.0.2.1'))).toBe(LIMITS.perAddress);
    }),
  );
});
