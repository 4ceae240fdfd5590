import { describe, expect, test } from 'bun:test';
import { parseEnvironment } from '../config/environment';
import { serviceKey, serviceKeys } from '../config/service-keys';
import { InvalidIdentity, openIdentity, privateKeyOf, publicKeyText } from './identity';

const fields = { SERVICE_KEY: serviceKey(), SERVICE_KEYS: serviceKeys() };
const seedOf = (byte: number) => Buffer.alloc(32, byte).toString('base64url');
const publicOf = (byte: number) => publicKeyText(privateKeyOf(Buffer.alloc(32, byte)));

const problemsOf = (source: NodeJS.ProcessEnv) => parseEnvironment(fields, source).problems;

describe('the identity of a process', () => {
  test('is the name that its public key is listed under', () => {
    const { values } = parseEnvironment(fields, {
      SERVICE_KEY: seedOf(1),
      SERVICE_KEYS: `users=${publicOf(1)}\n likes=${publicOf(2)}, likes=${publicOf(3)}`,
    });
    const identity = openIdentity('rotate-keys', values);
    expect(identity.name).toBe('users');
    expect(identity.publicKeysOf('likes')).toHaveLength(2);
    expect(identity.publicKeysOf('nobody')).toEqual([]);
  });

  test('does not exist for a key that nobody knows', () => {
    const { values } = parseEnvironment(fields, {
      SERVICE_KEY: seedOf(9),
      SERVICE_KEYS: `users=${publicOf(1)}`,
    });
    expect(() => openIdentity('users', values)).toThrow(InvalidIdentity);
  });

  test('is complete or absent, and no key has two names', () => {
    expect(problemsOf({ SERVICE_KEY: seedOf(1) })).toHaveLength(1);
    expect(problemsOf({ SERVICE_KEYS: `users=${publicOf(1)}` })).toHaveLength(1);
    expect(problemsOf({ SERVICE_KEY: 'short', SERVICE_KEYS: 'users' })).toHaveLength(2);
    const shared = `users=${publicOf(1)} likes=${publicOf(1)}`;
    expect(problemsOf({ SERVICE_KEY: seedOf(1), SERVICE_KEYS: shared })).toEqual([
      'SERVICE_KEYS lists one key for two processes',
    ]);
  });

  test('must be set in production, where the identities of development do not count', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toHaveLength(2);
    expect(problemsOf({ NODE_ENV: 'development' })).toEqual([]);
  });
});
