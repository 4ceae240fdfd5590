import { afterAll, beforeAll, expect, test } from 'bun:test';
import { createAuthority, type IssuedCertificate, type TestAuthority } from '../../tests/support/certificate';
import { openInternalTls } from './internal-tls';

let authority: TestAuthority;
let users: IssuedCertificate;
let anybody: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  users = await authority.issue('users.rookery.internal');
  anybody = await authority.issue('*.rookery.internal');
});
afterAll(() => authority.remove());

test('nothing is read where nothing is set', () => {
  expect(openInternalTls('users', { REGISTRY_URL: ['http://registry:8006'] })).toBeNull();
});

test('a certificate may be of one process or of all', () => {
  expect(openInternalTls('users', users.environment)).toEqual(users.tls);
  expect(openInternalTls('users', anybody.environment)).toEqual(anybody.tls);
  expect(openInternalTls('mail-worker', anybody.environment)).toEqual(anybody.tls);
});

test.each(['INTERNAL_TLS_CERT', 'INTERNAL_TLS_KEY', 'INTERNAL_TLS_CA'] as const)(
  '%s is needed, and readable',
  (name) => {
    const { [name]: _, ...others } = users.environment;
    expect(() => openInternalTls('users', others)).toThrow('must be set together');
    expect(() => openInternalTls('users', { [name]: users.environment[name] })).toThrow(
      'must be set together',
    );
    expect(() => openInternalTls('users', { ...users.environment, [name]: '/nowhere' })).toThrow(
      `${name} names a file that cannot be read (ENOENT)`,
    );
    expect(() => openInternalTls('users', { ...users.environment, [name]: import.meta.path })).toThrow(
      'in PEM',
    );
  },
);

test('a certificate that no other process would accept is a mistake', () => {
  const { INTERNAL_TLS_KEY } = anybody.environment;
  expect(() => openInternalTls('auth', users.environment)).toThrow('is not for auth.rookery.internal');
  expect(() => openInternalTls('users', { ...users.environment, INTERNAL_TLS_KEY })).toThrow(
    'is not the key',
  );
});

test('a registry in plain text is a mistake of all but the registry', () => {
  const plain = { ...anybody.environment, REGISTRY_URL: ['https://a:8006', 'http://b:8006'] };
  expect(() => openInternalTls('users', plain)).toThrow('REGISTRY_URL must begin with https://');
  expect(openInternalTls('registry', plain)).toEqual(anybody.tls);
});
