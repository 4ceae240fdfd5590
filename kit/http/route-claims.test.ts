import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { routeClaims } from './route-claims';

const appWith = (detail: object) => new Elysia().post('/things', () => 'made', { detail });

test('a route tells the gateway what it needs besides its access rule', () => {
  const detail = {
    'x-access': 'public',
    'x-body-bytes': 5,
    'x-timeout-ms': 100,
    'x-hedge-ms': 50,
    'x-rate-limit': 'sign-in',
  };
  expect(routeClaims(appWith(detail))).toEqual([
    {
      method: 'POST',
      path: '/things',
      auth: 'public',
      body_bytes: 5,
      timeout_ms: 100,
      hedge_ms: 50,
      rate_limit: 'sign-in',
    },
  ]);
});

test('a route without an access rule, or with a limit nobody knows, does not start', () => {
  expect(() => routeClaims(appWith({}))).toThrow('who may call it');
  expect(() => routeClaims(appWith({ 'x-access': 'public', 'x-rate-limit': 'signin' }))).toThrow(
    'no rate limit',
  );
});
