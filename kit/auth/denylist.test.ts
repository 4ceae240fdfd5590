import { expect, test } from 'bun:test';
import { createDenylist } from './denylist';

const caller = { id: 'ada', sessionId: 'session', tokenId: 'token', issuedAt: 100 };
const soon = { issuedUntil: 0, expiresAt: 4_000_000_000 };

test.each([
  ['the token', { kind: 'token', subject: 'token', ...soon }],
  ['its session', { kind: 'session', subject: 'session', ...soon }],
  ['its person up to its moment', { kind: 'user', subject: 'ada', ...soon, issuedUntil: 100 }],
] as const)('a token is refused when %s is revoked', (_, revocation) => {
  const denylist = createDenylist();
  expect(denylist.isRevoked(caller)).toBe(false);
  denylist.add(revocation);
  expect(denylist.isRevoked(caller)).toBe(true);
});

test('a token issued after its person signed out everywhere is good, also when older news comes late', () => {
  const denylist = createDenylist();
  denylist.add({ kind: 'user', subject: 'ada', ...soon, issuedUntil: 100 });
  denylist.add({ kind: 'user', subject: 'ada', ...soon, issuedUntil: 50 });
  expect(denylist.isRevoked({ ...caller, issuedAt: 101 })).toBe(false);
  expect(denylist.isRevoked({ ...caller, issuedAt: 100 })).toBe(true);
  expect([denylist.refusedUntil('ada'), denylist.refusedUntil('bob')]).toEqual([100, 0]);
});

test('a full memory forgets first what has ended, then the oldest', () => {
  const denylist = createDenylist({ most: 2, now: () => 1_000_000 });
  const add = (subject: string, expiresAt: number) =>
    denylist.add({ kind: 'token', subject, issuedUntil: 0, expiresAt });
  const refused = (tokenId: string) => denylist.isRevoked({ ...caller, tokenId });
  add('first', 2_000);
  add('ended', 900);
  add('second', 2_000);
  expect([refused('first'), refused('second')]).toEqual([true, true]);
  add('third', 2_000);
  expect([refused('first'), refused('second'), refused('third')]).toEqual([false, true, true]);
});
