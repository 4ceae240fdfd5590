import { expect, test } from 'bun:test';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { testTokens } from '../../tests/support/tokens';
import type { Scope } from '../auth/scopes';
import { callerOf, optionalCallerOf } from './access';
import { scopeOf } from './scope';

const { verifier, authorization } = await testTokens();
const ADA = { id: 'ada', username: 'ada' };
const app = { id: 'app', scopes: ['read', 'write:media'] };
const own = await authorization(ADA);
const ofApp = await authorization(ADA, [], { app });
const alone = await authorization({ id: 'app', username: '' }, [], { app });

const callWith = (token: string | undefined, scope?: Scope) => ({
  metadata: (name: string) => (name === 'user-authorization' ? token : undefined),
  scope,
});
const statusOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 200,
    ({ status }) => status,
  );

test('the scope of a method is its option', () => {
  expect(scopeOf(UsersServiceDefinition.methods.updateMe)).toBe('write:accounts');
  expect(scopeOf(AuthServiceDefinition.methods.me)).toBeUndefined();
  const unknown = Buffer.from([5, ...Buffer.from('minds')]);
  const options = { _unknownFields: { 409882: [unknown] } };
  expect(() => scopeOf({ options })).toThrow('no scope');
});

test('an app calls a method for its user where it holds the scope of the method', async () => {
  for (const called of [callerOf, optionalCallerOf]) {
    expect((await called(callWith(ofApp, 'write:media'), verifier))?.id).toBe('ada');
    expect(await statusOf(called(callWith(ofApp, 'write:chat'), verifier))).toBe(403);
    expect(await statusOf(called(callWith(ofApp), verifier))).toBe(403);
    expect((await called(callWith(own), verifier))?.id).toBe('ada');
  }
});

test('an app that acts for nobody is nobody where a user is optional, and refused where one is needed', async () => {
  expect(await optionalCallerOf(callWith(alone, 'read:media'), verifier)).toBeNull();
  expect(await statusOf(callerOf(callWith(alone, 'read:media'), verifier))).toBe(401);
  expect(await optionalCallerOf(callWith(undefined), verifier)).toBeNull();
  expect(await statusOf(callerOf(callWith(undefined), verifier))).toBe(401);
});
