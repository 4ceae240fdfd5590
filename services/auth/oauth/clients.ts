import { type AppRow, findApp } from '../apps/store';
import type { AuthDeps } from '../deps';
import { hashOf, isSameHash } from '../secrets';
import { OAuthError } from './errors';

interface SentClient {
  readonly id: string;
  readonly secret: string | undefined;
}

const CHALLENGE = { 'www-authenticate': 'Basic realm="oauth"' };

/**
 * The app that sends a request (RFC 6749, 2.3): by its secret in `Authorization: Basic` or in the body, or by its id alone where it
 * has none.
 *
 * @throws OAuthError `invalid_client` for an unknown app and a wrong secret alike
 */
export async function authenticateClient(
  deps: Pick<AuthDeps, 'database'>,
  authorization: string | null,
  form: { client_id?: string | undefined; client_secret?: string | undefined },
): Promise<AppRow> {
  const { id, secret } = authorization === null ? sentInForm(form) : sentInHeader(authorization, form);
  const app = await findApp(deps.database, id);
  if (app === undefined || !proves(app, secret))
    throw new OAuthError('invalid_client', 'Unknown client, or wrong client authentication.', {
      status: 401,
      headers: CHALLENGE,
    });
  return app;
}

/** As `authenticateClient`, for what a public client cannot be trusted with. */
export async function authenticateConfidentialClient(
  ...request: Parameters<typeof authenticateClient>
): Promise<AppRow> {
  const app = await authenticateClient(...request);
  if (app.secretHash === null)
    throw new OAuthError('invalid_client', 'A client secret is required.', {
      status: 401,
      headers: CHALLENGE,
    });
  return app;
}

function proves({ secretHash }: AppRow, secret: string | undefined): boolean {
  if (secretHash === null) return secret === undefined;
  return secret !== undefined && isSameHash(hashOf(secret), secretHash);
}

function sentInForm({
  client_id: id,
  client_secret: secret,
}: Parameters<typeof authenticateClient>[2]): SentClient {
  if (id === undefined)
    throw new OAuthError('invalid_client', 'client_id is missing.', { status: 401, headers: CHALLENGE });
  // A form has an empty secret where a public client leaves the field in.
  return { id, secret: secret === '' ? undefined : secret };
}

/** RFC 6749, 2.3.1: both are encoded like the values of a form before they are joined. */
function sentInHeader(
  authorization: string,
  form: { client_id?: string | undefined; client_secret?: string | undefined },
): SentClient {
  const malformed = new OAuthError('invalid_client', 'Malformed Authorization: send Basic.', {
    status: 401,
    headers: CHALLENGE,
  });
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) throw malformed;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const [id, secret] = [decoded(text.slice(0, colon)), decoded(text.slice(colon + 1))];
  if (colon === -1 || id === undefined || secret === undefined) throw malformed;
  const isDouble =
    form.client_secret !== undefined || (form.client_id !== undefined && form.client_id !== id);
  if (isDouble) throw new OAuthError('invalid_request', 'Send client authentication once.');
  return { id, secret };
}

const BASIC = /^Basic ([A-Za-z0-9+/]+=*)$/i;

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
