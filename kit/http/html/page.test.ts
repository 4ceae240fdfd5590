import { afterAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { h } from 'preact';
import { testRuntime } from '../../../tests/support/servers';
import { defineProblem } from '../../errors/problem';
import { platform } from '../platform';
import { Card, Field } from './controls';
import { htmlPage } from './page';
import { problemPage } from './problem-page';

const HOSTILE = '"><script>alert(1)</script>&\'';

const Busy = defineProblem('test.busy', 429, 'Busy');
const runtime = testRuntime('pages');
afterAll(() => runtime.close());
const app = new Elysia().use(platform(runtime, { problemPage })).get('/busy', () => {
  throw new Busy({ detail: HOSTILE, headers: { 'retry-after': '90' } });
});
const get = (path: string, accept: string, method = 'GET') =>
  app.handle(new Request(`http://localhost${path}`, { method, headers: { accept } }));

test('whatever stands in a page is escaped', async () => {
  const errors = [{ field: 'name', message: HOSTILE }];
  const field = h(Field, {
    name: 'name',
    label: HOSTILE,
    hint: HOSTILE,
    value: HOSTILE,
    autocomplete: 'off',
    errors,
  });
  const text = await htmlPage({ title: HOSTILE, body: h(Card, { heading: HOSTILE }, field) }).text();
  expect(text).not.toContain('<script');
  expect(text.match(/&lt;script>/g)).toHaveLength(6);
});

test('a page allows its own style by its hash, and no script', async () => {
  const page = htmlPage({ title: 'A page', body: 'Text' });
  const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(await page.clone().text()) ?? [];
  const hash = new Bun.CryptoHasher('sha256').update(style).digest('base64');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain(`style-src 'sha256-${hash}'`);
  for (const part of [
    "default-src 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ])
    expect(policy.split('; ')).toContain(part);
  expect(policy).not.toContain('script-src');
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
});

test('a page may have a script of this origin, and forms that lead elsewhere', () => {
  const { headers } = htmlPage({
    title: 'A page',
    body: 'Text',
    script: '/auth/passkeys.js',
    formAction: ['https://app.example'],
  });
  const policy = headers.get('content-security-policy')?.split('; ');
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("form-action 'self' https://app.example");
});

test('a password that was typed is not repeated', async () => {
  const field = h(Field, {
    name: 'password',
    label: 'Password',
    type: 'password',
    value: 'typed',
    autocomplete: 'off',
  });
  expect(await htmlPage({ title: 'A page', body: field }).text()).not.toContain('typed');
});

test('a problem is a page for a browser that asks for one, and a document for anybody else', async () => {
  const page = await get('/busy', 'text/html,application/xhtml+xml,*/*;q=0.8');
  expect([page.status, page.headers.get('retry-after')]).toEqual([429, '90']);
  const text = await page.text();
  expect(text).toContain('Try again in 2 minutes.');
  expect(text).not.toContain('alert(1)');
  for (const accept of ['*/*', 'application/json']) {
    const problem = await get('/busy', accept);
    expect([problem.status, problem.headers.get('content-type')]).toEqual([429, 'application/problem+json']);
  }
});

test('so is a problem before any route', async () => {
  const unknown = await get('/unknown', 'text/html');
  expect([unknown.status, await unknown.text()]).toEqual([404, expect.stringContaining('Page not found')]);
  const wrong = await get('/busy', 'text/html', 'DELETE');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const malformed = await get('/%ff', 'text/html');
  expect([malformed.status, malformed.headers.get('content-type')]).toEqual([
    400,
    'text/html; charset=utf-8',
  ]);
});
