import * as oauth from 'oauth4webapi';
import { browserOf } from '#kit/http/cookies/browser';
import { enterBrowser } from '../../services/auth/pages/browser-sessions';
import { startIdentity } from './identity';

export const CALLBACK = 'https://app.example/callback';
/** Plain HTTP on this machine. */
export const INSECURE = { [oauth.allowInsecureRequests]: true } as const;

export interface Opened {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string;
}

/** Somebody with an account, and a browser on which they are signed in. */
export interface Person {
  readonly id: string;
  readonly username: string;
  /** The access token of their own session. */
  readonly token: string;
  /** Opens a page; redirects are not followed. */
  open(url: string): Promise<Opened>;
  /** Sends the form of a page. */
  send(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Opened>;
  /** Opens an authorization request, decides about it, and returns where the browser is sent. */
  decide(url: string, decision: 'allow' | 'deny'): Promise<URL>;
}

/** The auth service on a port, as an OAuth and OpenID Connect provider. */
export async function startProvider(options: Omit<Parameters<typeof startIdentity>[0], 'issuer'> = {}) {
  let app: { handle(request: Request): Promise<Response> } | undefined;
  const listener = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => app?.handle(request) ?? new Response(null, { status: 503 }),
  });
  const issuer = `http://127.0.0.1:${listener.port}`;
  const identity = await startIdentity({ passwords: 'cheap', ...options, issuer });
  app = identity.authApp;

  async function open(url: string, init: RequestInit = {}): Promise<Opened> {
    const response = await fetch(new URL(url, issuer), { redirect: 'manual', ...init });
    const location = response.headers.get('location') ?? '';
    return { status: response.status, headers: response.headers, text: await response.text(), location };
  }

  async function person(username: string): Promise<Person> {
    const { body } = await identity.callAuth('POST', '/auth/register', {
      body: { username, email: `${username}@example.com`, password: 'a long password' },
    });
    const set = await enterBrowser(identity.authDeps, browserOf({}, []), String(body.refresh_token));
    return {
      ...personOf(open, set.split(';')[0] ?? ''),
      ...(body.user as { id: string }),
      username,
      token: String(body.access_token),
    };
  }

  const discover = async (algorithm: 'oidc' | 'oauth2') =>
    oauth.processDiscoveryResponse(
      new URL(issuer),
      await oauth.discoveryRequest(new URL(issuer), { ...INSECURE, algorithm }),
    );

  return {
    issuer,
    identity,
    open,
    person,
    discover,
    /** Registers an app as anybody can. */
    register: async (metadata: Record<string, unknown> = {}) =>
      registered(await open('/oauth/register', json({ redirect_uris: [CALLBACK], ...metadata }))),
    /** Sends a form to an endpoint of the protocol. */
    post: async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
      const opened = await open(path, { method: 'POST', body: new URLSearchParams(fields), headers });
      return { ...opened, body: opened.text === '' ? {} : JSON.parse(opened.text) };
    },
    async close() {
      await listener.stop(true);
      await identity.close();
    },
  };
}

const json = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

export type RegisteredClient = oauth.Client & { client_secret?: string };

function registered({ status, text }: Opened): RegisteredClient {
  if (status !== 201) throw new Error(`The app was not registered: ${text}`);
  return JSON.parse(text);
}

function personOf(
  open: (url: string, init?: RequestInit) => Promise<Opened>,
  cookie: string,
): Pick<Person, 'open' | 'send' | 'decide'> {
  const asBrowser = (headers: Record<string, string> = {}) => ({ cookie, accept: 'text/html', ...headers });
  const opened = (url: string) => open(url, { headers: asBrowser() });
  const send: Person['send'] = (path, fields, headers = {}) =>
    open(path, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: asBrowser({ origin: 'null', 'sec-fetch-site': 'same-origin', ...headers }),
    });
  return {
    open: opened,
    send,
    async decide(url, decision) {
      const page = await opened(url);
      if (page.status !== 200) return new URL(page.location);
      const form = formOf(page.text);
      return new URL((await send(form.action, { form_token: form.token, decision })).location);
    },
  };
}

/** The form that decides, on a page that may have another one to sign out with. */
export function formOf(page: string): { action: string; token: string } {
  const [, action = ''] = /<form method="post" action="(\/oauth\/[^"]*)"/.exec(page) ?? [];
  const [, token = ''] = /name="form_token" value="([^"]+)"/.exec(page) ?? [];
  if (action === '' || token === '') throw new Error('The page has no form to decide with');
  return { action: action.replaceAll('&amp;', '&'), token };
}

/** What an app sends a browser with, and what it keeps for the exchange. */
export async function authorizationRequest(
  issuer: string,
  client: RegisteredClient,
  parameters: Record<string, string | undefined> = {},
) {
  const verifier = oauth.generateRandomCodeVerifier();
  const query = {
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid',
    state: 'a state',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  };
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, value);
  return { url: `${issuer}/oauth/authorize?${search}`, verifier };
}
