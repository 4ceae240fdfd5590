import { afterAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import * as oauth from 'oauth4webapi';
import { SCOPES } from '#kit/auth/scopes';
import {
  authorizationRequest,
  CALLBACK,
  formOf,
  INSECURE,
  type Person,
  type RegisteredClient,
  startProvider,
} from '../../../tests/support/oauth-provider';
import { PASSWORD, peopleWithFactors } from '../../../tests/support/second-factors';

const provider = await startProvider({ passwordGrant: true });
const { issuer, post } = provider;
const server = await provider.discover('oidc');
const ada = await provider.person('ada');
afterAll(() => provider.close());

const EVERYTHING = Object.keys(SCOPES).join(' ');
const ALL_GRANTS = {
  grant_types: [
    ...['authorization_code', 'client_credentials', 'refresh_token', 'password'],
    'urn:ietf:params:oauth:grant-type:device_code',
  ],
};

const confidential = await provider.register({ client_name: 'Example', ...ALL_GRANTS });
const secretOf = ({ client_secret = '' }: RegisteredClient) => oauth.ClientSecretBasic(client_secret);

/** The whole code flow, with the checks of an independent library. */
async function signIn(
  client: RegisteredClient,
  person: Person,
  { auth = secretOf(client), ...parameters }: { auth?: oauth.ClientAuth } & Record<string, unknown> = {},
) {
  const { url, verifier } = await authorizationRequest(issuer, client, {
    nonce: 'a nonce',
    ...(parameters as Record<string, string>),
  });
  const back = await person.decide(url, 'allow');
  const answer = oauth.validateAuthResponse(server, client, back, 'a state');
  const response = await oauth.authorizationCodeGrantRequest(
    ...([server, client, auth, answer, CALLBACK, verifier, INSECURE] as const),
  );
  return oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: 'a nonce' });
}

const userInfo = async (token: string, sub: string, method = 'GET') =>
  oauth.processUserInfoResponse(
    server,
    confidential,
    sub,
    await oauth.userInfoRequest(server, confidential, token, { ...INSECURE, method } as never),
  );

/** What shows each claim of the metadata, by its name, or by its name and value. */
const EXERCISES: Record<string, () => Promise<void>> = {
  issuer: async () => expect(server.issuer).toBe(issuer),
  authorization_endpoint: codeFlow,
  token_endpoint: codeFlow,
  'response_types_supported code': codeFlow,
  'response_modes_supported query': codeFlow,
  'grant_types_supported authorization_code': codeFlow,
  'code_challenge_methods_supported S256': codeFlow,
  'token_endpoint_auth_methods_supported client_secret_basic': codeFlow,
  async 'token_endpoint_auth_methods_supported client_secret_post'() {
    const auth = oauth.ClientSecretPost(confidential.client_secret ?? '');
    expect((await signIn(confidential, ada, { auth })).access_token).toBeString();
  },
  async 'token_endpoint_auth_methods_supported none'() {
    const client = await provider.register({ token_endpoint_auth_method: 'none' });
    expect((await signIn(client, ada, { auth: oauth.None() })).access_token).toBeString();
  },
  async registration_endpoint() {
    const response = await oauth.dynamicClientRegistrationRequest(
      server,
      { redirect_uris: [CALLBACK], client_name: 'Another', scope: 'openid read' },
      INSECURE,
    );
    expect(await oauth.processDynamicClientRegistrationResponse(response)).toMatchObject({
      client_name: 'Another',
      scope: 'openid read',
      client_secret_expires_at: 0,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'EdDSA',
    });
  },
  device_authorization_endpoint: deviceFlow,
  'grant_types_supported urn:ietf:params:oauth:grant-type:device_code': deviceFlow,
  introspection_endpoint: () => introspection(secretOf(confidential)),
  'introspection_endpoint_auth_methods_supported client_secret_basic': () =>
    introspection(secretOf(confidential)),
  'introspection_endpoint_auth_methods_supported client_secret_post': () =>
    introspection(oauth.ClientSecretPost(confidential.client_secret ?? '')),
  revocation_endpoint: () => revocation(confidential, secretOf(confidential)),
  'revocation_endpoint_auth_methods_supported client_secret_basic': () =>
    revocation(confidential, secretOf(confidential)),
  'revocation_endpoint_auth_methods_supported client_secret_post': () =>
    revocation(confidential, oauth.ClientSecretPost(confidential.client_secret ?? '')),
  async 'revocation_endpoint_auth_methods_supported none'() {
    const client = await provider.register({
      token_endpoint_auth_method: 'none',
      ...{ grant_types: ['authorization_code', 'refresh_token'] },
    });
    await revocation(client, oauth.None());
  },
  async jwks_uri() {
    // The library verifies the ID token with the published keys.
    const { url, verifier } = await authorizationRequest(issuer, confidential);
    const back = oauth.validateAuthResponse(server, confidential, await ada.decide(url, 'allow'), 'a state');
    const response = await oauth.authorizationCodeGrantRequest(
      ...([server, confidential, secretOf(confidential), back, CALLBACK, verifier, INSECURE] as const),
    );
    await oauth.processAuthorizationCodeResponse(server, confidential, response);
    await oauth.validateApplicationLevelSignature(server, response, INSECURE);
  },
  async userinfo_endpoint() {
    const { access_token } = await signIn(confidential, ada, { scope: 'openid profile email' });
    const expected = {
      sub: ada.id,
      preferred_username: 'ada',
      name: 'ada',
      email: 'ada@example.com',
      email_verified: false,
    };
    expect(await userInfo(access_token, ada.id)).toEqual(expected);
    expect(await userInfo(access_token, ada.id, 'POST')).toEqual(expected);
    const narrow = await signIn(confidential, ada, { scope: 'openid' });
    expect(await userInfo(narrow.access_token, ada.id)).toEqual({ sub: ada.id });
  },
  async 'grant_types_supported client_credentials'() {
    const response = await oauth.clientCredentialsGrantRequest(
      ...([server, confidential, secretOf(confidential), { scope: 'read:statuses' }, INSECURE] as const),
    );
    const result = await oauth.processClientCredentialsResponse(server, confidential, response);
    expect(result).toMatchObject({ token_type: 'bearer', scope: 'read:statuses', expires_in: 3600 });
    expect(result.access_token).toMatch(/^rka_[\w-]{43}$/);
    expect(result).not.toHaveProperty('refresh_token');
  },
  async 'grant_types_supported refresh_token'() {
    const first = await signIn(confidential, ada, { scope: 'openid read write' });
    const next = await refreshed(confidential, first.refresh_token ?? '', { scope: 'read:statuses' });
    expect(next.scope).toBe('read:statuses');
    const last = await refreshed(confidential, next.refresh_token ?? '', {});
    expect(last.scope).toBe('openid read write');
    expect(oauth.getValidatedIdTokenClaims(last)).toMatchObject({ sub: ada.id, aud: confidential.client_id });
  },
  async 'grant_types_supported password'() {
    const fields = { username: 'ada', password: 'a long password', scope: 'read' };
    const { body } = await post('/oauth/token', { grant_type: 'password', ...fields }, basic(confidential));
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'read' });
    const wrong = await post(
      '/oauth/token',
      { grant_type: 'password', ...fields, password: 'another password' },
      basic(confidential),
    );
    expect([wrong.status, wrong.body.error]).toEqual([400, 'invalid_grant']);
    const people = peopleWithFactors(provider.identity);
    const { username } = await people.joinWithApp();
    const alone = await post(
      '/oauth/token',
      { grant_type: 'password', scope: 'read', username, password: PASSWORD },
      basic(confidential),
    );
    expect([alone.status, alone.body.error]).toEqual([400, 'invalid_grant']);
    expect(alone.body.error_description).toContain('second factors');
  },
  async authorization_response_iss_parameter_supported() {
    for (const decision of ['allow', 'deny'] as const) {
      const { url } = await authorizationRequest(issuer, confidential, { prompt: 'consent' });
      expect((await ada.decide(url, decision)).searchParams.get('iss')).toBe(issuer);
    }
  },
  async 'prompt_values_supported none'() {
    const bob = await provider.person(`bob_${Date.now()}`);
    const { url } = await authorizationRequest(issuer, confidential, { prompt: 'none' });
    expect(errorIn((await bob.open(url)).location)).toBe('consent_required');
    expect(errorIn((await provider.open(url)).location)).toBe('login_required');
    await bob.decide((await authorizationRequest(issuer, confidential)).url, 'allow');
    expect(new URL((await bob.open(url)).location).searchParams.has('code')).toBe(true);
  },
  async 'prompt_values_supported login'() {
    await asksToSignInAgain('login');
  },
  async 'prompt_values_supported select_account'() {
    await asksToSignInAgain('select_account');
  },
  async 'prompt_values_supported consent'() {
    await signIn(confidential, ada);
    const { url } = await authorizationRequest(issuer, confidential);
    expect((await ada.open(url)).status).toBe(303);
    expect((await ada.open(`${url}&prompt=consent`)).text).toContain('Allow Example to use your account?');
  },
  'request_parameter_supported false': () => isNotSupported('request'),
  'request_uri_parameter_supported false': () => isNotSupported('request_uri'),
  async 'claims_parameter_supported false'() {
    const claims = JSON.stringify({ id_token: { email: null } });
    expect(await idTokenClaims({ claims })).not.toHaveProperty('email');
  },
  async 'subject_types_supported public'() {
    const other = await provider.register({});
    const subjects = [await signIn(confidential, ada), await signIn(other, ada)].map(
      (result) => oauth.getValidatedIdTokenClaims(result)?.sub,
    );
    expect(subjects).toEqual([ada.id, ada.id]);
  },
  async 'id_token_signing_alg_values_supported EdDSA'() {
    const { id_token = '' } = await signIn(confidential, ada);
    expect(decodeProtectedHeader(id_token)).toMatchObject({ alg: 'EdDSA', typ: 'JWT' });
  },
  async service_documentation() {
    // Served by the gateway.
    expect(server.service_documentation).toBe(`${issuer}/docs`);
  },
  ...Object.fromEntries(
    Object.keys(SCOPES).map((scope) => [
      `scopes_supported ${scope}`,
      async () => expect((await everything()).scope?.split(' ')).toContain(scope),
    ]),
  ),
  ...Object.fromEntries(
    ['iss', 'sub', 'aud', 'azp', 'exp', 'iat', 'auth_time', 'amr', 'nonce', 'at_hash'].map((claim) => [
      `claims_supported ${claim}`,
      async () => expect(await idTokenClaims({ scope: 'openid' })).toHaveProperty(claim),
    ]),
  ),
  ...Object.fromEntries(
    ['preferred_username', 'name', 'email', 'email_verified'].map((claim) => [
      `claims_supported ${claim}`,
      async () => expect(await userInfo((await everything()).access_token, ada.id)).toHaveProperty(claim),
    ]),
  ),
  async 'claims_supported picture'() {
    const { authDeps } = provider.identity;
    const avatar = 'https://media.example/ada.webp';
    const users = {
      ...authDeps.users,
      getUsers: async () => ({ users: [{ ...PROFILE, avatar_url: avatar }] }),
    };
    const { readUserInfo } = await import('./userinfo');
    const caller = { ...(await authDeps.tokens.identify((await everything()).access_token)) };
    expect(await readUserInfo({ ...authDeps, users }, caller)).toMatchObject({ picture: avatar });
  },
};

const PROFILE = { id: ada.id, username: 'ada', display_name: 'Ada', version: 1 };

let granted: ReturnType<typeof signIn> | undefined;
/** Tokens with all that can be allowed. */
function everything() {
  granted ??= signIn(confidential, ada, { scope: EVERYTHING });
  return granted;
}

async function codeFlow() {
  const result = await signIn(confidential, ada, { scope: 'openid read' });
  expect(result).toMatchObject({ token_type: 'bearer', scope: 'openid read', expires_in: 3600 });
  const half = createHash('sha512').update(result.access_token).digest().subarray(0, 32);
  expect(oauth.getValidatedIdTokenClaims(result)).toMatchObject({
    iss: issuer,
    sub: ada.id,
    aud: confidential.client_id,
    azp: confidential.client_id,
    nonce: 'a nonce',
    amr: ['pwd'],
    at_hash: half.toString('base64url'),
  });
}

async function idTokenClaims(parameters: Record<string, string>) {
  return oauth.getValidatedIdTokenClaims(await signIn(confidential, ada, parameters));
}

async function refreshed(client: RegisteredClient, token: string, parameters: Record<string, string>) {
  const response = await oauth.refreshTokenGrantRequest(
    ...([
      server,
      client,
      secretOf(client),
      token,
      { ...INSECURE, additionalParameters: parameters },
    ] as const),
  );
  return oauth.processRefreshTokenResponse(server, client, response);
}

async function introspection(auth: oauth.ClientAuth) {
  const { access_token, refresh_token = '' } = await signIn(confidential, ada, { scope: 'openid read' });
  const ask = async (token: string) =>
    oauth.processIntrospectionResponse(
      server,
      confidential,
      await oauth.introspectionRequest(server, confidential, auth, token, INSECURE),
    );
  const common = { active: true, client_id: confidential.client_id, scope: 'openid read', sub: ada.id };
  expect(await ask(access_token)).toMatchObject({ ...common, token_type: 'Bearer', username: 'ada' });
  expect(await ask(refresh_token)).toMatchObject({ ...common, token_type: 'refresh_token' });
  const own = await post(
    '/oauth/token',
    { grant_type: 'client_credentials', scope: 'read' },
    basic(confidential),
  );
  expect(await ask(own.body.access_token)).toMatchObject({ active: true, sub: confidential.client_id });
  expect(await ask('unknown')).toEqual({ active: false });
  expect(await ask(ada.token)).toEqual({ active: false });
}

async function revocation(client: RegisteredClient, auth: oauth.ClientAuth) {
  const { access_token, refresh_token = '' } = await signIn(client, ada, { auth });
  const revoke = async (token: string) =>
    oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, INSECURE));
  expect((await userInfo(access_token, ada.id)).sub).toBe(ada.id);
  await revoke(access_token);
  await expect(userInfo(access_token, ada.id)).rejects.toThrow();
  await revoke(refresh_token);
  const fields = { grant_type: 'refresh_token', refresh_token, client_id: client.client_id };
  const secret = client.client_secret === undefined ? {} : { client_secret: client.client_secret };
  expect((await post('/oauth/token', { ...fields, ...secret })).body.error).toBe('invalid_grant');
  await revoke('unknown');
}

async function deviceFlow() {
  const { clock } = provider.identity;
  const asked = await oauth.processDeviceAuthorizationResponse(
    server,
    confidential,
    await oauth.deviceAuthorizationRequest(
      ...([server, confidential, secretOf(confidential), { scope: 'openid read' }, INSECURE] as const),
    ),
  );
  const poll = async () =>
    oauth.deviceCodeGrantRequest(
      ...([server, confidential, secretOf(confidential), asked.device_code, INSECURE] as const),
    );
  const errorOf = async () => ((await (await poll()).json()) as { error: string }).error;
  expect(await errorOf()).toBe('authorization_pending');
  // However long it took to come here.
  clock.aheadMs = -600_000;
  expect(await errorOf()).toBe('slow_down');
  clock.aheadMs = 0;
  expect(new URL(asked.verification_uri).pathname).toBe('/oauth/device');
  const page = await ada.open(asked.verification_uri_complete ?? '');
  const form = { form_token: formOf(page.text).token, user_code: asked.user_code.toLowerCase() };
  expect((await ada.send('/oauth/device', form)).text).toContain(asked.user_code);
  expect((await ada.send('/oauth/device', { ...form, decision: 'allow' })).text).toContain('is connected');
  const result = await oauth.processDeviceCodeResponse(server, confidential, await poll());
  expect(oauth.getValidatedIdTokenClaims(result)?.sub).toBe(ada.id);
  expect(result.refresh_token).toBeString();
  expect(await errorOf()).toBe('invalid_grant');
}

async function asksToSignInAgain(prompt: string) {
  const { url } = await authorizationRequest(issuer, confidential, { prompt: `${prompt} consent` });
  const { status, location } = await ada.open(url);
  expect(status).toBe(303);
  const signIn = new URL(location, issuer);
  expect([signIn.pathname, signIn.searchParams.get('again')]).toEqual(['/auth/sign-in', '1']);
  const next = new URL(signIn.searchParams.get('next') ?? '', issuer);
  expect([next.pathname, next.searchParams.get('prompt')]).toEqual(['/oauth/authorize', 'consent']);
  // The way back leads here again until there is a later sign-in.
  expect((await ada.open(next.href)).location).toContain('/auth/sign-in?');
}

async function isNotSupported(parameter: 'request' | 'request_uri') {
  const { url } = await authorizationRequest(issuer, confidential, { [parameter]: 'https://app.example/r' });
  expect(errorIn((await ada.open(url)).location)).toBe(`${parameter}_not_supported`);
}

const errorIn = (location: string) => new URL(location).searchParams.get('error');
const basic = ({ client_id, client_secret }: RegisteredClient) => ({
  authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}`,
});

describe('the metadata', () => {
  const metadata: Record<string, unknown> = { ...server };

  test('claims exactly what is exercised here', () => {
    const claims = Object.entries(metadata).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map((one) => `${name} ${one}`)
        : value === false
          ? [`${name} false`]
          : [name],
    );
    expect(Object.keys(EXERCISES).toSorted()).toEqual(claims.toSorted());
  });

  test('is the same for clients of OAuth and of OpenID Connect, and cacheable', async () => {
    expect(await provider.discover('oauth2')).toEqual(server);
    const { headers } = await provider.open('/.well-known/oauth-authorization-server');
    expect(headers.get('cache-control')).toBe('public, max-age=300');
  });

  test.each(Object.entries(EXERCISES))('is true: %s', (_, exercise) => exercise());
});

test('what apps get and are refused is counted', async () => {
  await codeFlow();
  await post('/oauth/token', { grant_type: 'authorization_code', code: 'x' }, basic(confidential));
  const metrics = await provider.identity.authDeps.runtime.metrics.metrics();
  expect(metrics).toMatch(/^oauth_tokens_issued_total\{[^}]*grant_type="authorization_code"[^}]*\} [1-9]/m);
  expect(metrics).toMatch(
    /^oauth_requests_refused_total\{[^}]*endpoint="token"[^}]*error="invalid_grant"[^}]*\} [1-9]/m,
  );
});
