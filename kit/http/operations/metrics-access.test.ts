import { afterAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { pino } from 'pino';
import { createRuntime, type MetricsReaders } from '../../core/runtime';
import { platform } from '../platform';

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

/** An app whose metrics these readers may read; the machine itself by default. */
function appFor(metricsReaders?: MetricsReaders) {
  const log = pino({ level: 'silent' });
  const runtime = createRuntime({
    name: 'test',
    version: '1',
    log,
    ...(metricsReaders && { metricsReaders }),
  });
  closing.push(runtime.close);
  return new Elysia().use(platform(runtime));
}

/** The status of `/metrics` for a client. */
function statusFor(metricsReaders?: MetricsReaders) {
  const app = appFor(metricsReaders);
  return async (address: string, authorization?: string) => {
    const headers = { 'x-forwarded-for': address, ...(authorization && { authorization }) };
    return (await app.handle(new Request('http://localhost/metrics', { headers }))).status;
  };
}

test('metrics are for the machine itself unless somebody else is named', async () => {
  const status = statusFor();
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
    expect([address, await status(address)]).toEqual([address, 200]);
  for (const address of ['10.0.0.1', '192.168.1.1', '203.0.113.7', '2001:db8::1'])
    expect([address, await status(address)]).toEqual([address, 403]);
  expect(await status('203.0.113.7', 'Bearer undefined')).toBe(403);
});

test('metrics are for named ranges, and from everywhere for whoever has the token', async () => {
  const status = statusFor({ ranges: ['10.0.0.0/8'], token: 'a-token-for-monitoring' });
  expect(await status('10.9.8.7')).toBe(200);
  expect(await status('127.0.0.1')).toBe(403);
  expect(await status('203.0.113.7', 'Bearer a-token-for-monitoring')).toBe(200);
  expect(await status('203.0.113.7', 'Bearer a-token-for-monitorinG')).toBe(403);
  const nobody = statusFor({ ranges: [] });
  expect([await nobody('127.0.0.1'), await nobody('127.0.0.1', 'Bearer undefined')]).toEqual([403, 403]);
});

test('the rest of what every process answers stays open', async () => {
  const app = appFor({ ranges: [] });
  for (const path of ['/health', '/healthz', '/readyz', '/openapi.json'])
    expect((await app.handle(new Request(`http://localhost${path}`))).status).toBe(200);
});
