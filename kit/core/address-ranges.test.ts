import { expect, test } from 'bun:test';
import { isAddressRange, LOOPBACK_RANGES } from '../config/ranges';
import { addressRanges } from './address-ranges';

test('an address is in a range of its family, also when it is written in IPv6', () => {
  const isInside = addressRanges([...LOOPBACK_RANGES, '10.0.0.0/8', 'fd00::/8', '192.0.2.7']);
  for (const address of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '::ffff:127.0.0.1',
    '10.255.0.1',
    'fd12::1',
    '192.0.2.7',
  ])
    expect([address, isInside(address)]).toEqual([address, true]);
  for (const address of [
    '128.0.0.1',
    '11.0.0.1',
    '192.0.2.8',
    'fe80::1',
    '::ffff:11.0.0.1',
    '',
    'localhost',
    '127.1',
  ])
    expect([address, isInside(address)]).toEqual([address, false]);
  expect(addressRanges([])('127.0.0.1')).toBe(false);
});

test('what is no range is not taken for one', () => {
  for (const text of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0/8',
    ' ::1',
  ])
    expect([text, isAddressRange(text)]).toEqual([text, false]);
  expect(() => addressRanges(['10.0.0.0/99'])).toThrow('Not an address');
});
