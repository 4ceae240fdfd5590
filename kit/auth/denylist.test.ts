import { expect, test } from 'bun:test';
import { createDenylist } from './denylist';

const caller = { id: 'ada', sessionId: 'session', tokenId: 'token', issuedAt: 100 };
const soon = { issuedUntil: 0, expiresAt: 4_000_000_000 };

test.each([
  ['the token', { kind: 'token', subject: 'token', ...soon }],
  ['its session', { kind: 'session', subject: 'session', ...soon }],
  ['its user up to its issue time', { kind: 'user', subject: 'ada', ...soon, issuedUntil: 100 }],
] as const)('a token is revoked with %s', (_, revocation) => {
  const denylist = createDenylist();
  expect(denylist.isRevoked(caller)).toBe(false);
  denylist.add(revocation);
  expect(denylist.isRevoked(caller)).toBe(true);
});

test('a token issued after its user signed out everywhere is valid, also when an older revocation arrives late', () => {
  const denylist = createDenylist();
  denylist.add({ kind: 'user', subject: 'ada', ...soon, issuedUntil: 100 });
  denylist.add({ kind: 'user', subject: 'ada', ...soon, issuedUntil: 50 });
  expect(denylist.isRevoked({ ...caller, issuedAt: 101 })).toBe(false);
  expect(denylist.isRevoked({ ...caller, issuedAt: 100 })).toBe(true);
  expect([denylist.revokedUntil('ada'), denylist.revokedUntil('bob')]).toEqual([100, 0]);
});

test('a full denylist evicts expired entries first, then the oldest', () => {
  const denylist = createDenylist({ maxEntries: 2, now: () => 1_000_000 });
  const add = (subject: string, expiresAt: number) =>
    denylist.add({ kind: 'token', subject, issuedUntil: 0, expiresAt });
  const revoked = (tokenId: string) => denylist.isRevoked({ ...caller, tokenId });
  add('first', 2_000);
  add('expired', 900);
  add('second', 2_000);
  expect([revoked('first'), revoked('second')]).toEqual([true, true]);
  add('third', 2_000);
  expect([revoked('first'), revoked('second'), revoked('third')]).toEqual([false, true, true]);
});
