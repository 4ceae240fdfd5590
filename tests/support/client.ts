import { eventually } from './eventually';

/** A signed-in HTTP client of the system. */
export interface Client {
  readonly username: string;
  readonly id: string;
  readonly token: string;
  get(path: string): Promise<Reply>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  delete(path: string): Promise<Reply>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Of everybody who joins. */
export const PASSWORD = 'correct horse battery staple';
/** Ends requests that hang; a registration hashes a password, which takes long on a busy machine. */
const TIMEOUT_MS = 30_000;

/** Sends one request to the system, with or without a token. */
export async function request(
  base: string,
  method: string,
  path: string,
  options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    ...(options.body !== undefined && {
      body: isSentAsIs(options.body) ? options.body : JSON.stringify(options.body),
    }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const type = response.headers.get('content-type') ?? '';
  // An event stream does not end.
  if (type.startsWith('text/event-stream')) {
    await response.body?.cancel();
    return { status: response.status, headers: response.headers, body: {} };
  }
  const text = await response.text();
  const isJson = type.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : { text },
  };
}

const isSentAsIs = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array;

/** Repeats a request while the system is too busy for it, as it is when it has just been started on a slow machine. */
export async function whileBusy(send: () => Promise<Reply>): Promise<Reply> {
  let reply = await send();
  await eventually(async () => {
    if (reply.status !== 503 && reply.status !== 504) return true;
    reply = await send();
    return false;
  });
  return reply;
}

/** Registers a person and signs them in. */
export async function join(base: string, username: string): Promise<Client> {
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  let attempts = 0;
  const registered = await whileBusy(() => {
    attempts++;
    return request(base, 'POST', '/register', { body });
  });
  // An earlier attempt, whose response was late, may have registered them.
  const isRegistered = registered.status === 201 || (attempts > 1 && registered.status === 409);
  if (!isRegistered) throw new Error(`Registering ${username} failed: ${JSON.stringify(registered.body)}`);
  return signIn(base, username);
}

/** Signs a registered person in. */
export async function signIn(base: string, username: string): Promise<Client> {
  const { status, body } = await whileBusy(() =>
    request(base, 'POST', '/login', { body: { username, password: PASSWORD } }),
  );
  if (status !== 200) throw new Error(`Signing ${username} in failed: ${JSON.stringify(body)}`);
  const token = String(body.access_token);
  const me = await request(base, 'GET', '/users/me', { token });
  return {
    username,
    id: String(me.body.id),
    token,
    get: (path) => request(base, 'GET', path, { token }),
    post: (path, sent, headers) =>
      request(base, 'POST', path, {
        token,
        ...(sent !== undefined && { body: sent }),
        ...(headers && { headers }),
      }),
    delete: (path) => request(base, 'DELETE', path, { token }),
  };
}
