import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { DependencyUnavailable, defineProblem, InternalError, Problem } from '../errors/problem';
import { DependencyTimedOut, problemFromStatus, statusFromProblem, statusOfProblem } from './status';

const serviceError = (code: status, metadata = new Metadata()): ServiceError =>
  Object.assign(new Error('failed'), { code, details: 'failed', metadata });

test('a problem is transferred completely', () => {
  const WrongAge = defineProblem('test.wrong-age', 422, 'Invalid age');
  const sent = new WrongAge({
    detail: '“Minus one” is no age.',
    errors: [{ field: 'age', message: 'Must be at least 0' }],
    headers: { 'retry-after': '3' },
    members: { age: { least: 0 } },
  });
  const { code, metadata } = statusFromProblem(sent);
  const received = problemFromStatus(serviceError(code, metadata));
  for (const field of ['code', 'status', 'title', 'detail', 'errors', 'headers', 'members'] as const)
    expect(received[field]).toEqual(sent[field]);
});

test('the cause of a problem is not sent', () => {
  const { metadata, details } = statusFromProblem(
    new InternalError({ cause: new Error('password of root') }),
  );
  expect(JSON.stringify(metadata.toHttp2Headers()) + details).not.toContain('root');
  expect(metadata.get('problem-bin').toString()).not.toContain('root');
});

test.each([
  ['post.not-found', 404, status.NOT_FOUND],
  ['user.username-taken', 409, status.ALREADY_EXISTS],
  ['poll.already-voted', 409, status.ALREADY_EXISTS],
  ['poll.closed', 409, status.FAILED_PRECONDITION],
  ['auth.unauthenticated', 401, status.UNAUTHENTICATED],
  ['auth.forbidden', 403, status.PERMISSION_DENIED],
  ['request.invalid', 422, status.INVALID_ARGUMENT],
  ['request.too-large', 413, status.INVALID_ARGUMENT],
  ['limits.exceeded', 429, status.RESOURCE_EXHAUSTED],
  ['service.busy', 503, status.RESOURCE_EXHAUSTED],
  ['dependency.unavailable', 503, status.UNAVAILABLE],
  ['dependency.timed-out', 504, status.DEADLINE_EXCEEDED],
  ['teapot', 418, status.FAILED_PRECONDITION],
  ['internal', 500, status.INTERNAL],
])('%s (%i) maps to a standard gRPC status', (code, httpStatus, expected) => {
  expect(statusOfProblem(new Problem(code, httpStatus, 'title'))).toBe(expected);
});

test('of the conflicts in docs/errors.md, those about something that exists already are ALREADY_EXISTS', async () => {
  const errors = await Bun.file(join(import.meta.dir, '../../docs/errors.md')).text();
  const conflicts = [...errors.matchAll(/^\| `([^`]+)` \| 409 \|/gm)].map(([, code = '']) => code);
  expect(conflicts.length).toBeGreaterThan(30);
  const existing = conflicts.filter(
    (code) => statusOfProblem(new Problem(code, 409, 'title')) === status.ALREADY_EXISTS,
  );
  // A new code that reads like one of these has to be decided on in `ALREADY_EXISTS_REASONS`.
  expect(existing).toEqual(conflicts.filter((code) => /taken$|already/.test(code)));
});

test.each([
  [status.UNAVAILABLE, DependencyUnavailable.code],
  [status.DEADLINE_EXCEEDED, DependencyTimedOut.code],
  [status.UNIMPLEMENTED, InternalError.code],
])('a bare status %i maps to a problem', (code, expected) => {
  expect(problemFromStatus(serviceError(code)).code).toBe(expected);
});

test('a trailer that is not a problem is ignored', () => {
  const metadata = new Metadata();
  metadata.set('problem-bin', Buffer.from('{"status":200}'));
  expect(problemFromStatus(serviceError(status.UNAVAILABLE, metadata)).code).toBe(DependencyUnavailable.code);
});
