import { expect, test } from 'bun:test';
import { ServiceOverloaded } from '#kit/core/queues/work-queue';
import { problemResponse } from '#kit/errors/problem';
import type { HeaderList } from '../http1/message';
import { attemptResultOf } from './attempt-result';

test.each([
  [200, 'answered'],
  [404, 'answered'],
  [500, 'application-error'],
  [501, 'application-error'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'unavailable'],
] as const)('status %d says that the instance has %s', (status, result) => {
  expect(attemptResultOf({ status, headers: [['Retry-After', '1', 'Retry-After: 1']] })).toBe(result);
});

test('the response of a process that turns work away says that it is overloaded', () => {
  const response = problemResponse(new ServiceOverloaded(), { path: '/', requestId: 'a-request' });
  const headers: HeaderList = [...response.headers].map(([name, value]) => [
    name,
    value,
    `${name}: ${value}`,
  ]);
  expect(attemptResultOf({ status: response.status, headers })).toBe('overloaded');
});
