import { createHash, randomBytes } from 'node:crypto';
import { request } from '../support/client';

const SCOPE = 'profile read write:statuses';

/** Registers an app without a secret. @returns its id */
async function register(url: string, metadata: object): Promise<string> {
  const { status, body } = await request(url, 'POST', '/oauth/register', {
    body: { token_endpoint_auth_method: 'none', scope: SCOPE, ...metadata },
  });
  if (status !== 201) throw new Error(`Registering an app failed: ${JSON.stringify(body)}`);
  return String(body.client_id);
}

/**
 * Registers an app.
 *
 * @param url of the system
 * @returns the path of its authorization request
 */
export async function registerApp(
  url: string,
  name: string,
  uri: { registered: string; requested?: string },
): Promise<string> {
  const { registered, requested = registered } = uri;
  const query = new URLSearchParams({
    client_id: await register(url, { client_name: name, redirect_uris: [registered] }),
    response_type: 'code',
    redirect_uri: requested,
    scope: SCOPE,
    state: 'the-state',
    code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'),
    code_challenge_method: 'S256',
  });
  return `/oauth/authorize?${query}`;
}

/** Registers the app of a device, which asks for a code. @returns what the device shows */
export async function startDevice(url: string, name: string): Promise<string> {
  const grant = 'urn:ietf:params:oauth:grant-type:device_code';
  const client = await register(url, { client_name: name, grant_types: [grant] });
  const { status, body } = await request(url, 'POST', '/oauth/device_authorization', {
    body: new URLSearchParams({ client_id: client, scope: SCOPE }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (status !== 200) throw new Error(`Starting the device failed: ${JSON.stringify(body)}`);
  return String(body.user_code);
}
