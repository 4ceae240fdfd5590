import { afterAll, describe, expect, test } from 'bun:test';
import { startIdentity } from '../../../tests/support/identity';
import { type OpenedPage, pageVisitor } from '../../../tests/support/page-visitor';

/** What holds for every page, whoever has written it: the routes are read from the app. */
const identity = await startIdentity({ passwords: 'cheap' });
afterAll(() => identity.close());

const HOSTILE = '"><script>alert(1)</script>';
const PASSWORD = 'a long password';
const routes = identity.authApp.routes.filter(({ hooks }) => hooks.detail?.tags?.includes('Pages') === true);
const paths = (method: string) =>
  routes.filter((route) => route.method === method).map(({ path }) => path.replaceAll(/:\w+/g, 'x'));
/** Of an address that another provider sends browsers back to: it adds parameters of its own. */
const takesAnyQuery = (path: string) => path === '/auth/providers/x/callback';
const visitor = () => pageVisitor(identity.authApp);

async function member() {
  const username = `m${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`;
  const person = visitor();
  const typed = { username, email: `${username}@example.com`, password: PASSWORD };
  const joined = await person.submit('/auth/sign-up', '/auth/sign-up', typed);
  expect([joined.status, joined.headers.get('location')]).toEqual([303, '/auth/account']);
  return { ...person, username };
}
const signedIn = await member();

/** Fields that satisfy the schema of a form. */
function fieldsFor(path: string): Record<string, string> {
  const route = routes.find((one) => one.method === 'POST' && one.path.replaceAll(/:\w+/g, 'x') === path);
  const schema = Object(route?.hooks.body);
  return Object.fromEntries(
    Object.entries(Object(schema.properties))
      .filter(([name]) => schema.required?.includes(name) === true)
      .map(([name, property]) => [name, sampleOf(Object(property))]),
  );
}

function sampleOf(schema: { const?: unknown; anyOf?: { const?: unknown }[]; minLength?: number }): string {
  return String(schema.const ?? schema.anyOf?.[0]?.const ?? 'x'.repeat(schema.minLength ?? 1));
}

function expectPage({ status, headers }: OpenedPage, statuses: readonly number[]): void {
  expect(statuses).toContain(status);
  expect(headers.get('cache-control')).toContain('no-store');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  if (status === 302 || status === 303) return;
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = headers.get('content-security-policy')?.split('; ') ?? [];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy.find((part) => part.startsWith('style-src'))).not.toContain('unsafe');
  expect(headers.get('x-frame-options')).toBe('DENY');
}

describe('every page', () => {
  test.each(paths('GET'))('GET %s is nobody else’s to frame, keep or be told of', async (path) => {
    for (const person of [visitor(), signedIn]) {
      expectPage(await person.open(path), [200, 303, 400, 404, 410, 422]);
      const unknown = await person.open(`${path}?unknown=${encodeURIComponent(HOSTILE)}`);
      // OAuth has unknown parameters ignored.
      expectPage(unknown, takesAnyQuery(path) ? [404] : [400, 422]);
    }
  });

  test('there are some', () => {
    expect(paths('GET').length).toBeGreaterThan(8);
    expect(paths('POST').length).toBeGreaterThan(6);
  });
});

describe('every form', () => {
  test.each(paths('POST'))('POST %s needs the token of the browser', async (path) => {
    const other = await visitor().open('/auth/sign-in');
    const { form_token: foreign = '' } = await other.fieldsOf('/auth/sign-in');
    const fields = fieldsFor(path);
    for (const token of [{}, { form_token: '' }, { form_token: 'x' }, { form_token: foreign }])
      for (const person of [visitor(), signedIn]) {
        const sent = { ...fields, ...token };
        // No fields are no form.
        expectPage(await person.send(path, sent), [Object.keys(sent).length === 0 ? 422 : 403]);
      }
  });

  test.each(paths('POST'))('POST %s is refused to foreign pages', async (path) => {
    const own = await signedIn.open('/auth/sign-out');
    const fields = { ...fieldsFor(path), ...(await own.fieldsOf('/auth/sign-out')) };
    for (const headers of [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      { origin: 'https://app.example' },
      { origin: 'null', 'sec-fetch-site': 'cross-site' },
      { origin: 'null', 'sec-fetch-site': 'same-site' },
      { origin: 'http://rookery.example' },
    ])
      expectPage(await signedIn.send(path, fields, headers), [403]);
  });

  test.each(paths('POST'))('POST %s turns rubbish away with a page, and repeats none of it', async (path) => {
    const opened = await signedIn.open('/auth/sign-out');
    const own = await opened.fieldsOf('/auth/sign-out');
    const names = Object.keys(fieldsFor(path));
    const hostile = Object.fromEntries(names.map((name) => [name, HOSTILE]));
    const bodies: [body: string, type?: string][] = [
      ['%ff=%fe'],
      ['a=%'],
      ['\u0000'],
      [`${'x'.repeat(2_000)}=1`],
      ['a=1&'.repeat(2_000)],
      [new URLSearchParams({ ...fieldsFor(path), ...own, unknown: HOSTILE }).toString()],
      [new URLSearchParams({ ...own, [HOSTILE]: '1' }).toString()],
      [`${new URLSearchParams({ ...fieldsFor(path), ...own })}&form_token=x`],
      [`form_token=${'x'.repeat(100_000)}`],
      ['{"form_token":"x"}', 'application/json'],
      ['--x', 'multipart/form-data; boundary=x'],
      [''],
    ];
    for (const [body, type = 'application/x-www-form-urlencoded'] of bodies) {
      const answer = await identity.authApp.handle(
        new Request(`http://rookery.example${path}`, {
          method: 'POST',
          body,
          headers: {
            accept: 'text/html',
            'content-type': type,
            origin: 'http://rookery.example',
            cookie: signedIn.cookies('/') ?? '',
          },
        }),
      );
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect([400, 403, 413, 415, 422]).toContain(answer.status);
      expect(await answer.text()).not.toContain('<script');
    }
    const refused = await visitor().send(path, hostile);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.status).toBeLessThan(500);
    expect(refused.text).not.toContain('<script');
  });

  test('is told to nobody: programs get a problem document', async () => {
    const answer = await identity.authApp.handle(
      new Request('http://rookery.example/auth/sign-in', {
        method: 'POST',
        body: 'name=a&password=b',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    );
    expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'application/problem+json']);
    expect((await answer.json()).code).toBe('auth.form-expired');
  });
});
