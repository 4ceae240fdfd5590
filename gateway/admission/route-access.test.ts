import { expect, test } from 'bun:test';
import { testTokens } from '../../tests/support/tokens';
import type { HeaderList } from '../http1/message';
import { createRouteAccess } from './route-access';

const tokens = await testTokens();
const access = createRouteAccess(tokens.verifier);
const person = { id: '1', username: 'alice' };

const headersWith = (authorization: string): HeaderList => [
  ['Authorization', authorization, `Authorization: ${authorization}\r\n`],
];
const statusOf = async (rule: string, headers: HeaderList = []) =>
  (await access.check(rule, headers))?.status ?? 200;

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
