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
  ['itself', failedQuery()],
  ['as the cause of another', new Error('the message could not be handled', { cause: failedQuery() })],
  ['as a text', String(failedQuery())],
])('a failed query is described without its values: %s', (_, failure) => {
  const described = JSON.stringify(describeError(failure));
  expect(described).toContain('update credentials set password_hash = ?');
  expect(described).not.toContain('argon2id');
  expect(described).not.toContain('nowhere');
});

test('a taken key is named without what took it', () => {
  const failure = new Error("Duplicate entry 'ada@example.com' for key 'users_email'");
  expect(describeError(failure)).toMatchObject({ message: "Duplicate entry for key 'users_email'" });
  expect(JSON.stringify(describeError(failure))).not.toContain('ada@');
});

test('what helps to find the fault stays: type, codes, frames, causes', () => {
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

test('a cause that leads back to its error does not keep the log busy for ever', () => {
  const failure = new Error('round');
  failure.cause = failure;
  expect(JSON.stringify(describeError(failure)).length).toBeLessThan(20_000);
});
