import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readTarget } from './path';

describe('ambiguous paths are rejected', () => {
  const refused = [
    '',
    'users',
    '*',
    'http://host/users',
    '/..',
    '/../users',
    '/users/..',
    '/users/../admin',
    '/./users',
    '/users/.',
    '//host',
    '/users//alice',
    '/users//',
    '/%2e%2e/admin',
    '/%2E%2e',
    '/.%2e',
    '/users%2fadmin',
    '/users%2Fadmin',
    '/users%5cadmin',
    '/users\\admin',
    '/users%00',
    '/users%0d%0aset-cookie',
    '/users%7f',
    '/users%',
    '/users%2',
    '/users%zz',
    '/%252e%252e/admin',
    '/users%252fadmin',
    '/users%255cadmin',
    '/users%2500',
    '/users%25252f',
    '/users%25%32%66admin',
    '/users/a b',
    '/users/é',
    '/users#part',
    '/users?a=b#part',
    '/users?a b',
    '/users?\u0000',
    '/users/"x"',
    '/users/<x>',
    '/users/{x}',
    '/users/`x`',
    '/users/^x',
    '/users/..;/admin',
    '/users/.;/admin',
    '/users/..;a=b',
    '/users/%2e%2e;/admin',
    '/users/..%3b/admin',
    '/users/..%253b/admin',
    '/users/%c0%ae%c0%ae/admin',
    '/users/%c1%9c',
    '/users/%e0%80%af',
    '/users/%f0%80%80%af',
    '/users/%25c0%25ae',
    '/%2561dmin',
    '/%2541dmin',
  ];
  for (const target of refused) test(JSON.stringify(target), () => expect(readTarget(target)).toBeNull());
});

describe('paths are normalized', () => {
  const read: [string, string, string][] = [
    ['/', '/', ''],
    ['/users/alice', '/users/alice', ''],
    ['/users/alice/', '/users/alice/', ''],
    ['/users/alice?a=/../b&c=%2e%2e', '/users/alice', '?a=/../b&c=%2e%2e'],
    ['/users?', '/users', '?'],
    ['/%75sers/a%2db', '/users/a-b', ''],
    ['/users/%c3%a9', '/users/%C3%A9', ''],
    ['/users/...', '/users/...', ''],
    ['/users/.well-known', '/users/.well-known', ''],
    ['/users/100%25', '/users/100%25', ''],
    ['/users/a%20b', '/users/a%20b', ''],
    ["/users/!$&'()*+,;=:@[]|", "/users/!$&'()*+,;=:@[]|", ''],
  ];
  for (const [target, path, query] of read)
    test(target, () => expect(readTarget(target)).toEqual({ path, query }));
});

const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(
      '/',
      '.',
      '..',
      '%',
      '%2',
      '%2e',
      '%2F',
      '%5c',
      '%25',
      '%00',
      '%c3',
      '\\',
      '?',
      '#',
      '//',
      ';',
      ':',
    ),
    fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 3,
    }),
    fc.constantFrom('users', 'alice', '41', '7e'),
  ),
  { maxLength: 8 },
);
const targets = pieces.map((parts) => `/${parts.join('')}`);

test('an accepted path is parsed identically by URL', () => {
  fc.assert(
    fc.property(targets, (target) => {
      const read = readTarget(target);
      if (read === null) return;
      const url = new URL(`http://gateway${read.path}${read.query}`);
      expect(url.host).toBe('gateway');
      expect(url.pathname).toBe(read.path);
    }),
    { numRuns: 5_000 },
  );
});

test('an accepted path has the same meaning after one or two decodings', () => {
  fc.assert(
    fc.property(targets, (target) => {
      const read = readTarget(target);
      if (read === null) return;
      const once = unescape(read.path);
      const twice = unescape(once);
      for (const decoded of [once, twice]) {
        expect(decoded.split('/').length).toBe(read.path.split('/').length);
        expect(decoded).not.toContain('\\');
        expect(decoded).not.toContain('\0');
        expect(decoded.split('/').some((segment) => segment === '.' || segment === '..')).toBe(false);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('normalization is idempotent', () => {
  fc.assert(
    fc.property(targets, (target) => {
      const read = readTarget(target);
      if (read !== null) expect(readTarget(read.path + read.query)).toEqual(read);
    }),
    { numRuns: 2_000 },
  );
});

test('ordinary paths are unchanged', () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_~-]{1,12}$/);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
      const path = `/${segments.join('/')}`;
      expect(readTarget(path)).toEqual({ path, query: '' });
    }),
  );
});
