import { createHash, randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';

interface Grant {
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
  readonly claims: JWTPayload;
}

/** What a misbehaving provider does instead of what it should. */
export interface Misbehaviour {
  /** Instead of the discovery document. */
  discovery?: () => Response | Promise<Response>;
  /** Members of the discovery document that are not what they should be. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Parameters of the callback that are not what they should be; undefined leaves one out. */
  callback?: Readonly<Record<string, string | undefined>> | undefined;
  /** Instead of the response of the token endpoint. */
  token?: () => Response | Promise<Response>;
  /** Claims of the ID token that are not what they should be; undefined leaves one out. */
  claims?: Readonly<Record<string, unknown>>;
  /** `none`, or signed with a key that the provider does not publish. */
  signature?: 'none' | 'unpublished';
  /** Claims that are not in the ID token but at the userinfo endpoint. */
  userinfo?: Readonly<Record<string, unknown>>;
}

export const FOREIGN_CLIENT = { id: 'rookery', secret: 'a secret of the foreign provider' };

/**
 * A small OpenID provider on a port of its own, which signs everybody in as `issuer.person` without asking, and does wrong what a
 * test wants.
 */
export async function startForeignIssuer() {
  const keys = await generateKeyPair('ES256');
  const unpublished = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const grants = new Map<string, Grant>();
  const state: {
    /** The claims of who is signed in there. */
    person: JWTPayload & { sub: string };
    misbehaviour: Misbehaviour;
    /** Paths of requests. */
    requests: string[];
  } = { person: { sub: 'a-subject' }, misbehaviour: {}, requests: [] };

  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
  const issuer = `http://127.0.0.1:${server.port}`;

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    state.requests.push(pathname);
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return (
          state.misbehaviour.discovery?.() ?? Response.json({ ...metadata(), ...state.misbehaviour.metadata })
        );
      case '/jwks':
        return Response.json(jwks);
      case '/authorize':
        return authorize(searchParams);
      case '/token':
        return state.misbehaviour.token?.() ?? token(request);
      case '/userinfo':
        return Response.json({ sub: state.person.sub, ...state.misbehaviour.userinfo });
      default:
        return new Response(null, { status: 404 });
    }
  }

  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  });

  function authorize(query: URLSearchParams): Response {
    const asked = (name: string) => query.get(name) ?? '';
    if (asked('response_type') !== 'code' || asked('code_challenge_method') !== 'S256')
      return new Response(null, { status: 400 });
    const code = randomBytes(16).toString('hex');
    grants.set(code, {
      nonce: asked('nonce'),
      challenge: asked('code_challenge'),
      redirectUri: asked('redirect_uri'),
      claims: state.person,
    });
    const callback = new URL(asked('redirect_uri'));
    const parameters = { code, state: asked('state'), iss: issuer, ...state.misbehaviour.callback };
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) callback.searchParams.set(name, value);
    return new Response(null, { status: 302, headers: { location: callback.href } });
  }

  async function token(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isClient = request.headers.get('authorization') === basic();
    if (!isClient) return Response.json({ error: 'invalid_client' }, { status: 401 });
    if (grant?.challenge !== challenge || grant.redirectUri !== form.get('redirect_uri'))
      return Response.json({ error: 'invalid_grant' }, { status: 400 });
    return Response.json({
      access_token: 'an-access-token',
      token_type: 'Bearer',
      expires_in: 300,
      id_token: await idToken(grant),
    });
  }

  function idToken({ nonce, claims }: Grant): Promise<string> | string {
    const now = Math.floor(Date.now() / 1000);
    const { misbehaviour } = state;
    const payload = {
      iss: issuer,
      aud: FOREIGN_CLIENT.id,
      iat: now,
      exp: now + 300,
      nonce,
      ...claims,
      ...misbehaviour.claims,
    };
    if (misbehaviour.signature === 'none') return new UnsecuredJWT(payload).encode();
    const key = misbehaviour.signature === 'unpublished' ? unpublished.privateKey : keys.privateKey;
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key);
  }

  return {
    ...{ issuer, state },
    /** The settings of a provider of this name. */
    settings: (name = 'acme', change: { trustsEmail?: boolean } = {}) => ({
      name,
      label: name.toUpperCase(),
      issuer,
      clientId: FOREIGN_CLIENT.id,
      clientSecret: FOREIGN_CLIENT.secret,
      scopes: 'openid profile email',
      trustsEmail: change.trustsEmail ?? true,
      allowedRanges: ['127.0.0.1'],
    }),
    close: () => server.stop(true),
  };
}

const basic = () =>
  `Basic ${btoa(`${encodeURIComponent(FOREIGN_CLIENT.id)}:${encodeURIComponent(FOREIGN_CLIENT.secret).replaceAll('%20', '+')}`)}`;
