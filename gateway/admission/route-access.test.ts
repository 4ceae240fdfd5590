import { expect, test } from 'bun:test';
import type { Scope } from '#kit/auth/scopes';
import { testTokens } from '../../tests/support/tokens';
import type { HeaderList } from '../http1/message';
import { createRouteAccess } from './route-access';

const tokens = await testTokens();
const access = createRouteAccess(tokens.verifier);
const person = { id: '1', username: 'alice' };

const headersWith = (authorization: string): HeaderList => [
  ['Authorization', authorization, `Authorization: ${authorization}\r\n`],
];
const statusOf = async (auth: string, headers: HeaderList = [], scope?: Scope) =>
  (await access.check({ auth, scope }, headers))?.status ?? 200;

test('the gateway enforces users and permissions as services do', async () => {
  const alice = headersWith(await tokens.authorization(person));
  const moderator = headersWith(await tokens.authorization(person, ['posts:moderate']));
  const forged = headersWith('Bearer forged');
  expect(await statusOf('user')).toBe(401);
  expect(await statusOf('user', forged)).toBe(401);
  expect(await statusOf('user', headersWith('Basic YTpi'))).toBe(401);
  expect(await statusOf('user', alice)).toBe(200);
  expect(await statusOf('posts:moderate')).toBe(401);
  expect(await statusOf('posts:moderate', alice)).toBe(403);
  expect(await statusOf('posts:moderate', moderator)).toBe(200);
  expect(await statusOf('optional')).toBe(200);
  expect(await statusOf('optional', forged)).toBe(401);
  expect(await statusOf('optional', alice)).toBe(200);
});

test('the gateway admits apps where the route names a scope that they hold, and to no permission', async () => {
  const app = { id: 'app', scopes: ['read'] };
  const forAlice = headersWith(await tokens.authorization(person, ['posts:moderate'], { app }));
  const alone = headersWith(await tokens.authorization({ id: 'app', username: '' }, [], { app }));
  for (const auth of ['user', 'optional']) {
    expect(await statusOf(auth, forAlice)).toBe(403);
    expect(await statusOf(auth, forAlice, 'write:media')).toBe(403);
    expect(await statusOf(auth, forAlice, 'read:media')).toBe(200);
  }
  expect(await statusOf('posts:moderate', forAlice, 'read:media')).toBe(403);
  expect(await statusOf('user', alone, 'read:media')).toBe(401);
  expect(await statusOf('optional', alone, 'read:media')).toBe(200);
});
