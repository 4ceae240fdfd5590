import { afterAll, expect, test } from 'bun:test';
import * as client from 'openid-client';
import { CALLBACK, formOf, startProvider } from '../../../tests/support/oauth-provider';

const provider = await startProvider();
const ada = await provider.person('ada');
afterAll(() => provider.close());

const insecure = { execute: [client.allowInsecureRequests] };
const discover = (...more: [string?, string?]) =>
  client.discovery(new URL(provider.issuer), more[0] ?? '', more[1], undefined, insecure);

async function signIn(config: client.Configuration, scope: string) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    max_age: '3600',
  });
  const back = await ada.decide(url.href, 'allow');
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true };
  return client.authorizationCodeGrant(config, back, checks);
}

test('openid-client registers, signs in, refreshes, reads, introspects and revokes', async () => {
  const grants = ['authorization_code', 'refresh_token'];
  const config = await client.dynamicClientRegistration(
    new URL(provider.issuer),
    { client_name: 'Registered by openid-client', redirect_uris: [CALLBACK], grant_types: grants },
    undefined,
    insecure,
  );
  const tokens = await signIn(config, 'openid profile email read');
  expect(tokens.claims()).toMatchObject({ iss: provider.issuer, sub: ada.id });
  expect(await client.fetchUserInfo(config, tokens.access_token, ada.id)).toMatchObject({
    preferred_username: 'ada',
    email: 'ada@example.com',
  });
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope: 'openid' });
  expect(refreshed.scope).toBe('openid');
  expect(refreshed.claims()?.sub).toBe(ada.id);
  expect(await client.tokenIntrospection(config, refreshed.access_token)).toMatchObject({
    active: true,
    scope: 'openid',
  });
  await client.tokenRevocation(config, refreshed.refresh_token ?? '');
  expect((await client.tokenIntrospection(config, refreshed.access_token)).active).toBe(false);
});

test('openid-client signs a device in, and an app by itself', async () => {
  const device = 'urn:ietf:params:oauth:grant-type:device_code';
  const app = await provider.register({
    grant_types: ['client_credentials', device],
    response_types: [],
    redirect_uris: [],
  });
  const config = await discover(app.client_id, app.client_secret);
  const own = await client.clientCredentialsGrant(config, { scope: 'read' });
  expect(own.access_token).toStartWith('rka_');
  const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
  const page = await ada.open(asked.verification_uri_complete ?? '');
  const { token } = formOf(page.text);
  await ada.send('/oauth/device', { form_token: token, user_code: asked.user_code, decision: 'allow' });
  // Not to wait the five seconds that it says: the person has decided before the first request.
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...asked, interval: 0 });
  expect(tokens.claims()?.sub).toBe(ada.id);
});
