import { expect, test } from 'bun:test';
import { headerLine } from '../../http1/field-lines';
import { acceptedCoding, preferredCoding } from './accepted-coding';

test.each<[string, ReturnType<typeof preferredCoding>]>([
  ['gzip, deflate, br, zstd', 'zstd'],
  ['gzip, deflate, br', 'br'],
  ['gzip', 'gzip'],
  ['GZip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['gzip;q=1.0, br;q=0.5', 'gzip'],
  ['gzip ; Q=0.5 , br;q=0.8', 'br'],
  ['zstd;q=0, br;q=0.000, gzip;q=0.001', 'gzip'],
  ['*', 'zstd'],
  ['*;q=0.5, gzip', 'gzip'],
  ['zstd;q=0, *', 'br'],
  ['*;q=0', null],
  ['gzip, *;q=0', 'gzip'],
  ['identity', null],
  ['identity, gzip', 'gzip'],
  ['identity;q=1, gzip;q=0.5', null],
  ['identity;q=0.5, gzip', 'gzip'],
  ['identity;q=0, gzip;q=0.1', 'gzip'],
  ['deflate, compress', null],
  ['', null],
  ['gzip;q=high', null],
  ['gzip;q=', null],
  ['gzip;q=2', null],
  [';;,,=q', null],
])('of "%s" the response has %p', (accepted, coding) => {
  expect(preferredCoding(accepted)).toBe(coding);
});

test('several fields are one list, and none asks for nothing', () => {
  const headers = [headerLine('accept-encoding', 'gzip;q=0.5'), headerLine('Accept-Encoding', 'br')];
  expect(acceptedCoding(headers)).toBe('br');
  expect(acceptedCoding([])).toBeNull();
});
