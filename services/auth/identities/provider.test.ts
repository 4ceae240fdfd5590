import { afterAll, beforeEach, expect, test } from 'bun:test';
import { Problem } from '#kit/errors/problem';
import { startForeignIssuer } from '../../../tests/support/foreign-issuer';
import { testRuntime } from '../../../tests/support/servers';
import { openProviders } from './providers';

const issuer = await startForeignIssuer();
let insideRequests = 0;
/** A server that no provider may name. */
const inside = Bun.serve({
  hostname: '127.0.0.2',
  port: Number(new URL(issuer.issuer).port),
  fetch() {
    insideRequests++;
    return Response.json({});
  },
});
const INSIDE = `http://127.0.0.2:${inside.port}`;
afterAll(() => Promise.all([issuer.close(), inside.stop(true)]));

beforeEach(() => {
  issuer.state.misbehaviour = {};
  issuer.state.requests = [];
});

const REDIRECT = 'https://rookery.example/auth/providers/acme/callback';
const EXPECTED = { state: 'a-state', nonce: 'a-nonce', verifier: 'v'.repeat(43) };

function open(options: { timeoutMs?: number } = {}) {
  const clock = { now: Date.now() };
  const provider = openProviders(testRuntime('provider'), [issuer.settings()], {
    now: () => clock.now,
    ...options,
  }).named('acme');
  return { clock, provider };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'succeeded',
    (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
  );
const begin = ({ provider }: ReturnType<typeof open>) =>
  codeOf(provider.authorizationUrl(REDIRECT, EXPECTED));
const discoveries = () =>
  issuer.state.requests.filter((path) => path === '/.well-known/openid-configuration').length;

test('nothing is asked of a provider before somebody wants to sign in', async () => {
  const opened = open();
  expect(discoveries()).toBe(0);
  const url = await opened.provider.authorizationUrl(REDIRECT, EXPECTED);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    client_id: 'rookery',
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'a-state',
    nonce: 'a-nonce',
    code_challenge_method: 'S256',
  });
  expect(url.href).not.toContain(EXPECTED.verifier);
});

test('the metadata are asked for once by many, again after an hour, and used for a day without an answer', async () => {
  const opened = open();
  await Promise.all([begin(opened), begin(opened), begin(opened)]);
  expect(discoveries()).toBe(1);
  opened.clock.now += 61 * 60_000;
  expect([await begin(opened), discoveries()]).toEqual(['succeeded', 2]);
  issuer.state.misbehaviour = { discovery: () => new Response(null, { status: 500 }) };
  opened.clock.now += 61 * 60_000;
  expect([await begin(opened), await begin(opened), discoveries()]).toEqual(['succeeded', 'succeeded', 3]);
  opened.clock.now += 23 * 60 * 60_000;
  expect(await begin(opened)).toBe('auth.provider-unavailable');
  issuer.state.misbehaviour = {};
  opened.clock.now += 6_000;
  expect(await begin(opened)).toBe('succeeded');
});

test('a provider that does not answer is not waited for, and not asked again at once', async () => {
  issuer.state.misbehaviour = { discovery: () => new Promise<Response>(() => undefined) };
  const opened = open({ timeoutMs: 50 });
  expect([await begin(opened), await begin(opened)]).toEqual(Array(2).fill('auth.provider-unavailable'));
  expect(await codeOf(opened.provider.check())).toBe('auth.provider-unavailable');
  expect(discoveries()).toBe(1);
});

test.each<[string, () => Response]>([
  ['redirects', () => Response.redirect(`${issuer.issuer}/elsewhere`)],
  ['redirects inside', () => Response.redirect(INSIDE)],
  ['is a page', () => new Response('<p>', { headers: { 'content-type': 'text/html' } })],
  ['is endless', () => endless()],
  ['is no JSON', () => new Response('{', { headers: { 'content-type': 'application/json' } })],
  ['is something else', () => Response.json([])],
  ['is of another issuer', () => Response.json({ issuer: 'https://evil.example' })],
])('a discovery document that %s is none', async (_, discovery) => {
  issuer.state.misbehaviour = { discovery };
  expect(await begin(open())).toBe('auth.provider-unavailable');
  expect([insideRequests, issuer.state.requests.includes('/elsewhere')]).toEqual([0, false]);
});

const endless = () =>
  new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(10_000)) }), {
    headers: { 'content-type': 'application/json' },
  });

test.each([
  [{ authorization_endpoint: 'javascript:alert(1)' }],
  [{ authorization_endpoint: 'data:text/html,x' }],
  [{ authorization_endpoint: undefined }],
])('the browser is sent to a web page alone, not to %j', async (metadata) => {
  issuer.state.misbehaviour = { metadata };
  expect(await begin(open())).toBe('auth.provider-unavailable');
});

test.each([
  ['the loopback address of a service of ours', INSIDE],
  ['an address of a private network', 'http://10.0.0.1'],
  ['the metadata of the cloud', 'http://169.254.169.254/latest'],
  ['a name of the inside', 'http://registry.internal'],
  ['another port', 'http://127.0.0.1:22'],
  ['a file', 'file:///etc/passwd'],
])('a provider that names %s as its own endpoint reaches nothing', async (_, inner) => {
  const callback = `${REDIRECT}?code=x&state=a-state&iss=${encodeURIComponent(issuer.issuer)}`;
  issuer.state.misbehaviour = { metadata: { token_endpoint: inner } };
  expect(await codeOf(open().provider.finish(new URL(callback), EXPECTED, {}))).toMatch(
    /^auth\.(provider-unavailable|foreign-sign-in-refused)$/,
  );
  expect(insideRequests).toBe(0);
});
