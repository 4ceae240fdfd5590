import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { gatewayOptions } from './gateway-options';
import { routeClaims } from './route-claims';
import { keyed } from './route-docs';

const appWith = (detail: object) => new Elysia().post('/things', () => 'made', { detail });

test('the gateway options of a route are part of its claim, beside the access rule', () => {
  const app = new Elysia().use(gatewayOptions).post('/things', () => 'made', {
    detail: { 'x-access': 'public', summary: 'Create a thing' },
    gateway: {
      bodyBytes: 5,
      timeoutMs: 100,
      hedgeMs: 50,
      rateLimit: 'sign-in',
      cors: 'public',
      prefixOnly: true,
    },
  });
  expect(routeClaims(app)).toEqual([
    {
      method: 'POST',
      path: '/things',
      auth: 'public',
      body_bytes: 5,
      timeout_ms: 100,
      hedge_ms: 50,
      rate_limit: 'sign-in',
      cors: 'public',
      prefix_only: true,
    },
  ]);
});

test('a misspelt gateway option does not compile', () => {
  const app = new Elysia().use(gatewayOptions);
  // @ts-expect-error: it is called hedgeMs
  const build = () => app.get('/things', () => 'all', { gateway: { hedgMs: 50 } });
  expect(build).toThrow();
});

test('a route without an access rule, with an unknown setting or an invalid value prevents the start', () => {
  expect(() => routeClaims(appWith({}))).toThrow('no access rule');
  const misspelt = { 'x-access': 'public', 'x-hedge-millis': 50 };
  expect(() => routeClaims(appWith(misspelt))).toThrow('Unknown route setting x-hedge-millis');
  const unknownLimit = { 'x-access': 'public', 'x-rate-limit': 'signin' };
  expect(() => routeClaims(appWith(unknownLimit))).toThrow('invalid setting rate_limit');
});

test('a route that documents Idempotency-Key is claimed to honour it', () => {
  const { detail } = keyed('Create a thing', 'Things');
  const claims = routeClaims(appWith({ ...detail, 'x-access': 'public' }));
  expect(claims).toEqual([{ method: 'POST', path: '/things', auth: 'public', idempotency_key: true }]);
});

test('operational routes are not claimed', () => {
  const app = new Elysia().get('/healthz', () => 'ok').get('/docs/assets/:name', () => 'style');
  expect(routeClaims(app)).toEqual([]);
});
