import { expect, test } from 'bun:test';
import { authorityOf, canonicalHost, httpUrl } from './address';

test('an IPv6 address is put in brackets, so that its port can be told from it', () => {
  expect(authorityOf('::1', 5100)).toBe('[::1]:5100');
  expect(authorityOf('127.0.0.1', 5100)).toBe('127.0.0.1:5100');
  expect(authorityOf('users.internal', 5100)).toBe('users.internal:5100');
  expect(new URL(httpUrl('fd12::1', 5100, '/health')).port).toBe('5100');
});

test('all spellings of one host are one text', () => {
  for (const spelling of ['::1', '0:0:0:0:0:0:0:1', '0000::0001'])
    expect(canonicalHost(spelling)).toBe('::1');
  expect(canonicalHost('FD12::00AB')).toBe('fd12::ab');
  expect(canonicalHost('localhost')).toBe(canonicalHost('127.0.0.1'));
  expect(canonicalHost('Users.Internal')).toBe('users.internal');
});
