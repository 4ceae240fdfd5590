import { expect, test } from 'bun:test';
import { DrizzleQueryError } from 'drizzle-orm/errors';
import { describeError } from './describe-error';

const SECRET = '$argon2id$v=19$m=19456,t=2,p=1$salt$hash';

function failedQuery(): DrizzleQueryError {
  const driver = Object.assign(new Error('Deadlock found when trying to get lock'), {
    code: 'ER_LOCK_DEADLOCK',
    errno: 1213,
    sql: `update credentials set password_hash = '${SECRET}'`,
  });
  return new DrizzleQueryError(
    'update credentials set password_hash = ?',
    [SECRET, 'line\n    at nowhere'],
    driver,
  );
}

test.each([
  ['the error itself', failedQuery()],
  ['as the cause of another error', new Error('message handling failed', { cause: failedQuery() })],
  ['as a string', String(failedQuery())],
])('query values are removed: %s', (_, failure) => {
  const described = JSON.stringify(describeError(failure));
  expect(described).toContain('update credentials set password_hash = ?');
  expect(described).not.toContain('argon2id');
  expect(described).not.toContain('nowhere');
});

test('a duplicate key is named without its value', () => {
  const failure = new Error("Duplicate entry 'ada@example.com' for key 'users_email'");
  expect(describeError(failure)).toMatchObject({ message: "Duplicate entry for key 'users_email'" });
  expect(JSON.stringify(describeError(failure))).not.toContain('ada@');
});

test('type, codes, stack frames and causes are retained', () => {
  expect(describeError(failedQuery())).toMatchObject({
    type: 'DrizzleQueryError',
    message: 'Failed query: update credentials set password_hash = ?',
    stack: expect.stringContaining('describe-error.test.ts'),
    cause: {
      type: 'Error',
      message: 'Deadlock found when trying to get lock',
      code: 'ER_LOCK_DEADLOCK',
      errno: 1213,
    },
  });
});

test('a circular cause is cut off', () => {
  const failure = new Error('circular');
  failure.cause = failure;
  expect(JSON.stringify(describeError(failure)).length).toBeLessThan(20_000);
});
