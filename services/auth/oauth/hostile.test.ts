import { afterAll, describe, expect, test } from 'bun:test';
import { decodeJwt } from 'jose';
import {
  authorizationRequest,
  CALLBACK,
  formOf,
  type RegisteredClient,
  startProvider,
} from '../../../tests/support/oauth-provider';
import { registerApp } from '../apps/registration';

const provider = await startProvider();
const { issuer, post, open } = provider;
const ada = await provider.person('ada');
const eve = await provider.person('eve');
const grants = { grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] };
const app = await provider.register({ client_name: 'Honest', ...grants });
const other = await provider.register({ client_name: 'Other', ...grants });
const publicApp = await provider.register({
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/cb', 'com.example.app:/cb'],
});
const { app: old, secret: oldSecret = '' } = await registerApp(provider.identity.authDeps, {
  kind: 'mastodon',
  name: 'Old app',
  website: null,
  redirectUris: ['urn:ietf:wg:oauth:2.0:oob', CALLBACK],
  scopes: ['read', 'write', 'follow', 'push'],
  grantTypes: ['authorization_code', 'client_credentials'],
  authMethod: 'client_secret_post',
});
const oldClient: RegisteredClient = { client_id: old.id, client_secret: oldSecret };
afterAll(() => provider.close());

const basic = ({ client_id, client_secret = '' }: RegisteredClient) => ({
  authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}`,
});
const request = (parameters: Record<string, string | undefined> = {}, client = app) =>
  authorizationRequest(issuer, client, parameters);
const errorOf = ({ searchParams }: URL) => searchParams.get('error');

/** A code of the person, with what it takes to exchange it. */
async function codeFor(parameters: Record<string, string | undefined> = {}, client = app) {
  const { url, verifier } = await request(parameters, client);
  const back = await ada.decide(url, 'allow');
  return {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: parameters.redirect_uri ?? CALLBACK,
    code_verifier: verifier,
  };
}
const exchange = (fields: Record<string, string>, client = app) =>
  post('/oauth/token', fields, basic(client));
const tokensOf = async (parameters: Record<string, string> = {}) =>
  (await exchange(await codeFor({ scope: 'openid read', ...parameters }))).body as Record<string, string>;
const userInfo = (token = '') => open('/oauth/userinfo', { headers: { authorization: `Bearer ${token}` } });

describe('a request of an unknown app, or to an unknown address, is never redirected', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['no client', { client_id: undefined }],
    ['an unknown client', { client_id: '01900000-0000-7000-8000-000000000000' }],
    ['a client that is no id', { client_id: "' or 1=1 --" }],
    ['no address', { redirect_uri: undefined }],
    ['another host', { redirect_uri: 'https://evil.example/callback' }],
    ['a longer path', { redirect_uri: `${CALLBACK}/more` }],
    ['a path that leads out', { redirect_uri: `${CALLBACK}/../evil` }],
    ['an encoded path that leads out', { redirect_uri: `${CALLBACK}%2f..%2fevil` }],
    ['an encoded letter', { redirect_uri: 'https://app.example/%63allback' }],
    ['another case', { redirect_uri: 'https://APP.example/callback' }],
    ['another port', { redirect_uri: 'https://app.example:8443/callback' }],
    ['the default port', { redirect_uri: 'https://app.example:443/callback' }],
    ['userinfo', { redirect_uri: 'https://app.example@evil.example/callback' }],
    ['a host that goes on', { redirect_uri: 'https://app.example.evil.example/callback' }],
    ['one more parameter', { redirect_uri: `${CALLBACK}?next=https://evil.example` }],
    ['a fragment', { redirect_uri: `${CALLBACK}#evil` }],
    ['plain http', { redirect_uri: 'http://app.example/callback' }],
    ['a script', { redirect_uri: 'javascript:alert(1)' }],
    ['two addresses', { redirect_uri: `${CALLBACK} https://evil.example` }],
    ['a backslash', { redirect_uri: 'https://app.example\\@evil.example/callback' }],
    ['NUL', { redirect_uri: `${CALLBACK}\0` }],
    ['a very long address', { redirect_uri: `${CALLBACK}${'a'.repeat(3_000)}` }],
  ])('%s', async (_, parameters) => {
    const { url } = await request(parameters);
    for (const page of [await ada.open(url), await open(url, { headers: { accept: 'text/html' } })]) {
      expect([page.status, page.location]).toEqual([400, '']);
      expect(page.text).not.toContain('evil');
      expect(page.headers.get('content-type')).toStartWith('text/html');
    }
  });

  test('the port alone is free, on this machine', async () => {
    const found = await request({ redirect_uri: 'http://127.0.0.1:50123/cb' }, publicApp);
    expect((await ada.open(found.url)).status).toBe(200);
    const { url } = await request({ redirect_uri: 'http://localhost:50123/cb' }, publicApp);
    expect((await ada.open(url)).status).toBe(400);
  });

  test.each(['client_id', 'redirect_uri', 'state', 'scope', 'code_challenge'])(
    'a repeated %s',
    async (name) => {
      const page = await ada.open(`${(await request()).url}&${name}=x`);
      expect([page.status, page.location]).toEqual([422, '']);
    },
  );
});

describe('everything else that is wrong is told to the app, with its state and the issuer', () => {
  test.each<[string, Record<string, string | undefined>, string]>([
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['the hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['another response mode', { response_mode: 'fragment' }, 'invalid_request'],
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE without a method', { code_challenge_method: undefined }, 'invalid_request'],
    ['a method without a challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a short challenge', { code_challenge: 'x' }, 'invalid_request'],
    ['no scope', { scope: undefined }, 'invalid_scope'],
    ['an unknown scope', { scope: 'openid everything' }, 'invalid_scope'],
    ['a scope of operators', { scope: 'read admin:read' }, 'invalid_scope'],
    ['an inherited name as a scope', { scope: 'constructor' }, 'invalid_scope'],
    ['an unknown prompt', { prompt: 'create' }, 'invalid_request'],
    ['none and more', { prompt: 'none login' }, 'invalid_request'],
    ['a negative age', { max_age: '-1' }, 'invalid_request'],
    ['a long nonce', { nonce: 'n'.repeat(1_001) }, 'invalid_request'],
    ['a request object', { request: 'x.y.z' }, 'request_not_supported'],
    ['the address of a request', { request_uri: 'https://evil.example' }, 'request_uri_not_supported'],
  ])('%s', async (_, parameters, code) => {
    const { status, location } = await ada.open((await request(parameters)).url);
    const back = new URL(location);
    expect([status, `${back.origin}${back.pathname}`, errorOf(back)]).toEqual([303, CALLBACK, code]);
    expect([back.searchParams.get('state'), back.searchParams.get('iss')]).toEqual(['a state', issuer]);
  });

  test('a state that is too long is not sent back', async () => {
    const back = new URL((await ada.open((await request({ state: 's'.repeat(2_001) })).url)).location);
    expect([errorOf(back), back.searchParams.get('state')]).toEqual(['invalid_request', null]);
  });

  test('more scopes than the app has registered', async () => {
    const narrow = await provider.register({ scope: 'openid read:statuses' });
    for (const scope of ['read', 'write', 'openid email'])
      expect(errorOf(new URL((await ada.open((await request({ scope }, narrow)).url)).location))).toBe(
        'invalid_scope',
      );
    const { url } = await request({ scope: 'read:statuses' }, narrow);
    expect((await ada.open(url)).status).toBe(200);
  });
});

describe('the consent page', () => {
  test('cannot be framed, and may send its form to the app and nowhere else', async () => {
    const { url } = await request({ prompt: 'consent' });
    const { headers } = await ada.open(url);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' https://app.example;");
    expect(policy).toContain("default-src 'none'");
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    for (const [redirect_uri, source] of [
      ['http://127.0.0.1:50123/cb', 'http://127.0.0.1:50123;'],
      ['com.example.app:/cb', 'com.example.app:;'],
    ] as const) {
      const page = await ada.open((await request({ redirect_uri }, publicApp)).url);
      expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${source}`);
    }
  });

  test('escapes what the app says of itself', async () => {
    const hostile = await provider.register({ client_name: '<script>alert(1)</script>' });
    const { text } = await ada.open((await request({}, hostile)).url);
    expect(text).toContain('&lt;script>alert(1)&lt;/script>');
    expect(text).not.toContain('<script');
    expect(text).toContain('Rookery has not checked this one.');
  });

  test('takes no decision of another site, another browser or without a token', async () => {
    const { url } = await request({ prompt: 'consent' });
    const { action, token } = formOf((await ada.open(url)).text);
    const allow = { form_token: token, decision: 'allow' };
    const refused = [
      await ada.send(action, allow, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
      await ada.send(action, allow, { origin: 'null', 'sec-fetch-site': 'cross-site' }),
      await ada.send(action, { decision: 'allow' }),
      await ada.send(action, { form_token: `${token}x`, decision: 'allow' }),
      await eve.send(action, allow),
    ];
    expect(refused.map(({ status, location }) => [status, location])).toEqual(refused.map(() => [403, '']));
  });

  test('does not decide about another request than the one that was shown', async () => {
    const { action, token } = formOf((await ada.open((await request({ prompt: 'consent' })).url)).text);
    const changed = action.replace(encodeURIComponent(CALLBACK), encodeURIComponent('https://evil.example/'));
    const answer = await ada.send(changed, { form_token: token, decision: 'allow' });
    expect([answer.status, answer.location]).toEqual([400, '']);
  });

  test('is shown again for more than before, and always for an app that cannot prove who it is', async () => {
    const fresh = await provider.register({});
    await codeFor({ scope: 'openid read:statuses' }, fresh);
    const opened = async (scope: string) => (await ada.open((await request({ scope }, fresh)).url)).status;
    expect([await opened('read:statuses'), await opened('read')]).toEqual([303, 200]);
    const { url } = await request({ redirect_uri: 'com.example.app:/cb' }, publicApp);
    await ada.decide(url, 'allow');
    expect((await ada.open(url)).status).toBe(200);
    expect(errorOf(new URL((await ada.open(`${url}&prompt=none`)).location))).toBe('consent_required');
  });

  test('a form of another site, with POST, comes back as a link', async () => {
    const { url } = await request();
    const answer = await open('/oauth/authorize', { method: 'POST', body: new URL(url).searchParams });
    expect([answer.status, new URL(answer.location, issuer).href]).toEqual([303, url]);
  });

  test('leads to the sign-in page and to no other site', async () => {
    const { status, location } = await open((await request()).url);
    const signIn = new URL(location, issuer);
    expect([status, signIn.origin, signIn.pathname]).toEqual([303, issuer, '/auth/sign-in']);
    expect(signIn.searchParams.get('next')).toStartWith('/oauth/authorize?');
    const hinted = await open((await request({ login_hint: 'ada' })).url);
    expect(new URL(hinted.location, issuer).searchParams.get('login_hint')).toBe('ada');
    expect((await open(hinted.location)).text).toContain('value="ada"');
  });
});

describe('a code', () => {
  test('is used once: the second use ends the session that the first has opened', async () => {
    const fields = await codeFor({ scope: 'openid read' });
    const { body } = await exchange(fields);
    expect((await userInfo(body.access_token)).status).toBe(200);
    const replay = await exchange(fields);
    expect([replay.status, replay.body.error]).toEqual([400, 'invalid_grant']);
    expect((await userInfo(body.access_token)).status).toBe(401);
    const refreshing = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect((await exchange(refreshing)).body.error).toBe('invalid_grant');
  });

  test('gives one session, and then none, when it is used several times at once', async () => {
    const fields = await codeFor({ scope: 'openid read' });
    const answers = await Promise.all(Array.from({ length: 6 }, () => exchange(fields)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect((await userInfo(won[0]?.body.access_token)).status).toBe(401);
  });

  test('is good for its app, address, verifier and time alone', async () => {
    const fields = await codeFor();
    const { code_verifier: _, ...withoutVerifier } = fields;
    const wrong = [
      await exchange(fields, other),
      await exchange({ ...fields, redirect_uri: 'https://evil.example/' }),
      await exchange({ ...fields, code_verifier: 'v'.repeat(43) }),
      await exchange({ ...fields, code_verifier: 'short' }),
      await exchange(withoutVerifier),
      await exchange({ ...fields, code: `${fields.code}x` }),
    ];
    expect(wrong.map(({ status, body }) => [status, body.error])).toEqual(
      wrong.map(() => [400, 'invalid_grant']),
    );
    provider.identity.clock.aheadMs = 5 * 60_000;
    expect((await exchange(fields)).body.error).toBe('invalid_grant');
    provider.identity.clock.aheadMs = 0;
    expect((await exchange(fields)).status).toBe(200);
  });

  test('of an old app without PKCE takes no verifier, and needs its address', async () => {
    const bare = { code_challenge: undefined, code_challenge_method: undefined, scope: 'read' };
    const fields = await codeFor(bare, oldClient);
    const { code_verifier: _, ...plain } = fields;
    const { redirect_uri: __, ...withoutAddress } = plain;
    expect((await exchange(fields, oldClient)).body.error).toBe('invalid_grant');
    expect((await exchange(withoutAddress, oldClient)).body.error).toBe('invalid_grant');
    expect((await exchange(plain, oldClient)).status).toBe(200);
  });

  test('is worth nothing once the person has changed the password', async () => {
    const carol = await provider.person('carol');
    const { url, verifier } = await request();
    const code = (await carol.decide(url, 'allow')).searchParams.get('code') ?? '';
    const changed = await provider.identity.callAuth('PATCH', `/auth/users/${carol.id}`, {
      authorization: `Bearer ${carol.token}`,
      body: { current_password: 'a long password', new_password: 'another long password' },
    });
    expect(changed.status).toBe(200);
    const fields = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    };
    expect((await exchange(fields)).body.error).toBe('invalid_grant');
  });
});

describe('client authentication', () => {
  test('is refused for an unknown app, a wrong secret, and one sent twice or in another form', async () => {
    const fields = { grant_type: 'client_credentials', scope: 'read' };
    const [id, secret] = [app.client_id, app.client_secret ?? ''];
    const sent: [Record<string, string>, Record<string, string>][] = [
      [{}, {}],
      [{ client_id: id }, {}],
      [{ client_id: id, client_secret: other.client_secret ?? '' }, {}],
      [{ client_id: 'nobody', client_secret: secret }, {}],
      [{ client_id: publicApp.client_id, client_secret: secret }, {}],
      [{}, { authorization: 'Bearer x' }],
      [{}, { authorization: 'Basic !' }],
      [{}, { authorization: `Basic ${btoa('no colon')}` }],
      [{}, { authorization: `Basic ${btoa('%:%')}` }],
    ];
    for (const [more, headers] of sent) {
      const { status, body, headers: received } = await post('/oauth/token', { ...fields, ...more }, headers);
      expect([status, body.error]).toEqual([401, 'invalid_client']);
      expect(received.get('www-authenticate')).toStartWith('Basic');
      expect(received.get('cache-control')).toBe('no-store');
    }
    const twice = await post('/oauth/token', { ...fields, client_secret: secret }, basic(app));
    expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request']);
  });

  test('an id and a secret are form-encoded before they are joined (RFC 6749, 2.3.1)', async () => {
    const encoded = [...app.client_id].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
    const authorization = `Basic ${btoa(`${encoded}:${app.client_secret}`)}`;
    const fields = { grant_type: 'client_credentials', scope: 'read' };
    expect((await post('/oauth/token', fields, { authorization })).status).toBe(200);
  });

  test('a public app can neither act for itself nor introspect', async () => {
    const client = { client_id: publicApp.client_id };
    const own = await post('/oauth/token', { grant_type: 'client_credentials', ...client });
    expect([own.status, own.body.error]).toEqual([400, 'unauthorized_client']);
    const { status, body } = await post('/oauth/introspect', { token: 'x', ...client });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
    const registered = { ...grants, token_endpoint_auth_method: 'none' };
    await expect(provider.register(registered)).rejects.toThrow('invalid_client_metadata');
  });
});

describe('tokens', () => {
  test('of another app cannot be refreshed, seen or ended', async () => {
    const { access_token = '', refresh_token = '' } = await tokensOf();
    const refreshing = await exchange({ grant_type: 'refresh_token', refresh_token }, other);
    expect([refreshing.status, refreshing.body.error]).toEqual([400, 'invalid_grant']);
    for (const token of [access_token, refresh_token, ada.token]) {
      expect((await post('/oauth/introspect', { token }, basic(other))).body).toEqual({ active: false });
      const ended = await post('/oauth/revoke', { token }, basic(other));
      expect([ended.status, ended.body.error]).toEqual([400, 'unauthorized_client']);
    }
    expect((await userInfo(access_token)).status).toBe(200);
    expect((await exchange({ grant_type: 'refresh_token', refresh_token })).status).toBe(200);
  });

  test('a refresh token of an app is none of the person’s own, and the other way round', async () => {
    const { refresh_token = '' } = await tokensOf();
    const own = await provider.identity.callAuth('POST', '/auth/refresh', { body: { refresh_token } });
    expect(own.status).toBe(401);
    const login = { username: 'ada', password: 'a long password' };
    const { body } = await provider.identity.callAuth('POST', '/auth/login', { body: login });
    const fields = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) };
    expect((await exchange(fields)).body.error).toBe('invalid_grant');
    expect((await exchange({ grant_type: 'refresh_token', refresh_token })).status).toBe(200);
  });

  test('cannot be refreshed to more than was allowed', async () => {
    const { refresh_token = '' } = await tokensOf({ scope: 'openid read:statuses' });
    for (const scope of ['read', 'write', 'nonsense', ' ']) {
      const wider = await exchange({ grant_type: 'refresh_token', refresh_token, scope });
      expect([wider.status, wider.body.error]).toEqual([400, 'invalid_scope']);
    }
    expect((await exchange({ grant_type: 'refresh_token', refresh_token })).status).toBe(200);
  });

  test('an ID token is no access token, and an access token no ID token', async () => {
    const { access_token = '', id_token = '' } = await tokensOf();
    expect((await userInfo(id_token)).status).toBe(401);
    const { tokens } = provider.identity.authDeps;
    await expect(tokens.identify(id_token)).rejects.toThrow('Authentication required');
    expect(decodeJwt(id_token).aud).toBe(app.client_id);
    expect(decodeJwt(access_token).aud).toBe(provider.identity.settings.audience);
    expect(decodeJwt(id_token)).not.toHaveProperty('sid');
    expect(decodeJwt(id_token)).not.toHaveProperty('roles');
  });

  test('of an app reach nothing of the account: apps, sessions, the password', async () => {
    const { access_token } = await tokensOf({ scope: 'openid read write' });
    const authorization = `Bearer ${access_token}`;
    for (const [method, path] of [
      ['GET', '/auth/apps'],
      ['DELETE', `/auth/apps/${app.client_id}`],
      ['GET', '/auth/sessions'],
      ['GET', '/auth/me'],
      ['POST', '/auth/introspect'],
    ] as const) {
      const { status } = await provider.identity.callAuth(method, path, { authorization });
      expect([path, status]).toEqual([path, 403]);
    }
    expect((await userInfo((await tokensOf({ scope: 'read' })).access_token)).status).toBe(403);
    expect((await userInfo(ada.token)).status).toBe(200);
  });
});

describe('an old app (of the client API of Mastodon)', () => {
  test('gets a token without end, and is not refused for scopes of operators', async () => {
    const fields = await codeFor({ scope: 'read write admin:read' }, oldClient);
    const { body } = await exchange(fields, oldClient);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^rka_[\w-]{43}$/),
      token_type: 'Bearer',
      scope: 'read write',
      created_at: expect.any(Number),
    });
    provider.identity.clock.aheadMs = 400 * 86_400_000;
    const inspect = () => post('/oauth/introspect', { token: body.access_token }, basic(oldClient));
    expect((await inspect()).body).toMatchObject({ active: true, sub: ada.id, scope: 'read write' });
    provider.identity.clock.aheadMs = 0;
    await post('/oauth/revoke', { token: body.access_token }, basic(oldClient));
    expect((await inspect()).body).toEqual({ active: false });
  });

  test('shows the code to be copied, and sends it nowhere', async () => {
    const { url, verifier } = await request(
      { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob', scope: 'read', prompt: 'consent' },
      oldClient,
    );
    const { action, token } = formOf((await ada.open(url)).text);
    const page = await ada.send(action, { form_token: token, decision: 'allow' });
    expect([page.status, page.location]).toEqual([200, '']);
    const code = /<code>([\w-]{43})<\/code>/.exec(page.text)?.[1] ?? '';
    const fields = { code, redirect_uri: 'urn:ietf:wg:oauth:2.0:oob', code_verifier: verifier };
    const sent = { grant_type: 'authorization_code', ...fields, client_id: old.id, client_secret: oldSecret };
    expect((await post('/oauth/token', sent)).body.scope).toBe('read');
    const denied = await ada.send(action, { form_token: token, decision: 'deny' });
    expect([denied.status, denied.location]).toEqual([400, '']);
  });
});

describe('the endpoints of programs', () => {
  const urls = ['device_authorization', 'introspect', 'register', 'revoke', 'token'];

  test.each(urls)(
    '/oauth/%s answers rubbish in the form of the protocol, and does not repeat it',
    async (name) => {
      const form = 'application/x-www-form-urlencoded';
      const long = 'x'.repeat(9_000);
      const bodies: [string, string][] = [
        [form, ''],
        [form, `client_id=marker%00&grant_type=marker`],
        [form, 'client_id=%ed%a0%80marker'],
        [form, 'client_id=%ff'],
        [form, 'client_id=a&client_id=marker&token=a&token=marker'],
        [form, `client_id=${long}&code=${long}&token=${long}`],
        ['application/json', '{"client_id":"\\ud800marker","redirect_uris":["marker"]}'],
        ['application/json', '["marker"]'],
        [
          'application/json',
          '{"client_id":{"marker":1},"redirect_uris":{"marker":1},"client_name":["marker"]}',
        ],
        ['application/json', '{'],
        ['text/plain', 'marker'],
      ];
      for (const [type, body] of bodies) {
        const sent = { method: 'POST', body, headers: { 'content-type': type } };
        const { status, text, headers } = await open(`/oauth/${name}`, sent);
        expect([type, body, status >= 400 && status < 500]).toEqual([type, body, true]);
        expect(headers.get('content-type')).toStartWith('application/json');
        expect(JSON.parse(text).error).toMatch(/^invalid_(?:request|client|client_metadata|redirect_uri)$/);
        expect(text).not.toContain('marker');
      }
    },
  );

  test.each<[string, Record<string, unknown>, string]>([
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['plain http', { redirect_uris: ['http://app.example/'] }, 'invalid_redirect_uri'],
    ['none', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['too many', { redirect_uris: Array(21).fill(CALLBACK) }, 'invalid_redirect_uri'],
    ['a very long one', { redirect_uris: [`${CALLBACK}${'a'.repeat(2_000)}`] }, 'invalid_redirect_uri'],
    ['a lone surrogate', { client_name: '\ud800' }, 'invalid_client_metadata'],
    ['NUL', { client_name: 'a\0b' }, 'invalid_client_metadata'],
    ['a long name', { client_name: 'n'.repeat(61) }, 'invalid_client_metadata'],
    ['an unknown scope', { scope: 'everything' }, 'invalid_client_metadata'],
    ['the implicit grant', { grant_types: ['implicit'] }, 'invalid_client_metadata'],
    ['the password grant', { grant_types: ['password'] }, 'invalid_client_metadata'],
    ['another response type', { response_types: ['token'] }, 'invalid_client_metadata'],
    ['a site that is a script', { client_uri: 'javascript:alert(1)' }, 'invalid_client_metadata'],
    ['a private key', { token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
  ])('an app with %s is not registered', async (_, metadata, code) => {
    await expect(provider.register(metadata)).rejects.toThrow(code);
  });

  test('a grant that is not switched on, or not registered, is refused', async () => {
    const password = { grant_type: 'password', username: 'ada', password: 'a long password', scope: 'read' };
    expect((await exchange(password)).body.error).toBe('unsupported_grant_type');
    expect((await exchange({ grant_type: 'implicit' })).body.error).toBe('unsupported_grant_type');
    const device = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'x' };
    expect((await exchange(device)).body.error).toBe('unauthorized_client');
    expect((await post('/oauth/device_authorization', { scope: 'read' }, basic(app))).body.error).toBe(
      'unauthorized_client',
    );
  });
});
