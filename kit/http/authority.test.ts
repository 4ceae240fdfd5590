import { expect, test } from 'bun:test';
import { isAtAuthority, isSameOrigin, readOrigin } from './authority';

const isAt = (origin: string, authority: string) => {
  const read = readOrigin(origin);
  return read !== null && isAtAuthority(read, authority);
};

test.each([
  ['https://a.example', 'a.example'],
  ['https://a.example', 'A.Example'],
  ['https://a.example', 'a.example:443'],
  ['https://a.example', 'a.example.'],
  ['https://a.example.:443', 'a.example'],
  ['http://a.example', 'a.example:80'],
  ['http://a.example:8080', 'A.EXAMPLE.:8080'],
  ['http://[::1]:8080', '[0:0:0:0:0:0:0:1]:8080'],
])('%s is at %s', (origin, authority) => expect(isAt(origin, authority)).toBe(true));

test.each([
  ['https://a.example', 'a.example:80'],
  ['http://a.example', 'a.example:443'],
  ['https://a.example', 'b.example'],
  ['https://a.example', 'a.example.evil'],
  ['https://a.example', 'a.example..'],
  ['https://a.example', 'evil@a.example'],
  ['https://a.example', 'a.example/'],
  ['https://a.example', ''],
  ['null', 'null'],
  ['file://', ''],
  ['https://a.example/path', 'a.example'],
  ['https://evil@a.example', 'a.example'],
])('%s is not at %s', (origin, authority) => expect(isAt(origin, authority)).toBe(false));

test('origins are compared with their schemes', () => {
  expect(isSameOrigin('HTTPS://A.example:443', 'https://a.example')).toBe(true);
  expect(isSameOrigin('http://a.example', 'https://a.example')).toBe(false);
  expect(isSameOrigin('', '')).toBe(false);
});
