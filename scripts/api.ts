import { withoutTrailingSlashes } from '#kit/config/urls';
import { backOffMs, sleep } from '#kit/core/back-off';

export const DEFAULT_GATEWAY_URL = 'http://127.0.0.1:8080';

const REQUEST_TIMEOUT_MS = 15_000;
/** Enough attempts to bridge the restart of a service. */
const MAX_ATTEMPTS = 8;
const BACK_OFF = { baseMs: 200, capMs: 5_000 };
/** A longer `Retry-After` is reported as a failure instead of waited for. */
const MAX_WAIT_SECONDS = 120;
const PAGE_SIZE = 100;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Call {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The gateway's public API. */
export interface Api {
  readonly url: string;
  /**
   * Sends a request and retries it: after 429 and 503 as `Retry-After` says, after a connection failure with
   * exponential back-off. Every request of these scripts is idempotent.
   *
   * @throws ApiFailure for every response without a success status
   */
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

/** A response without a success status, or no response at all (status 0). */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  constructor(
    readonly status: number,
    /** The stable code of the problem document; empty without one. */
    readonly code: string,
    message: string,
    /** The problem document. */
    readonly body?: unknown,
  ) {
    super(message);
  }
}

/** A user of the API: signed in at the first request, and again before the token expires. */
export interface Person {
  readonly username: string;
  readonly call: Api['call'];
}

export interface NewPerson {
  readonly username: string;
  readonly password: string;
  readonly display_name?: string;
}

export function openApi(url: string): Api {
  const base = withoutTrailingSlashes(url);
  return {
    url: base,
    async call(method, path, call = {}) {
      for (let attempt = 1; ; attempt++) {
        const answer = await send(`${base}${path}`, method, call);
        if (answer.status >= 200 && answer.status < 300) return answer;
        const waitMs = retryDelayMs(answer, attempt);
        if (waitMs === undefined || attempt === MAX_ATTEMPTS) throw failureOf(method, path, answer);
        await sleep(waitMs);
      }
    },
  };
}

async function send(url: string, method: string, call: Call): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        ...(call.token !== undefined && { authorization: `Bearer ${call.token}` }),
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: readJson(text) };
  } catch (failure) {
    return { status: 0, headers: new Headers(), body: { title: String(failure) } };
  }
}

/** @returns milliseconds, or undefined when a retry would fail again */
function retryDelayMs({ status, headers, body }: Answer, attempt: number): number | undefined {
  const inFlight = field(body, 'code') === 'idempotency.in-flight';
  if (![0, 429, 502, 503, 504].includes(status) && !inFlight) return undefined;
  const requested = Number(headers.get('retry-after') ?? Number.NaN);
  if (requested > MAX_WAIT_SECONDS) return undefined;
  return (Number.isNaN(requested) ? 0 : requested * 1000) + 50 + backOffMs(attempt, BACK_OFF);
}

function failureOf(method: string, path: string, { status, body }: Answer): ApiFailure {
  const code = field(body, 'code');
  const title = field(body, 'detail') ?? field(body, 'title') ?? '';
  const outcome = status === 0 ? 'no response' : `${status} ${code ?? ''}`.trim();
  return new ApiFailure(
    status,
    typeof code === 'string' ? code : '',
    `${method} ${path}: ${outcome} ${title}`.trim(),
    body,
  );
}

function readJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** One field of a value of any type; undefined when it does not exist. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined;

/** @throws when the value has no such string field */
export function textField(value: unknown, name: string): string {
  const text = field(value, name);
  if (typeof text !== 'string') throw new Error(`The response has no string field "${name}"`);
  return text;
}

/** @returns false when the username is taken */
export async function register(api: Api, person: NewPerson): Promise<boolean> {
  try {
    await api.call('POST', '/register', { body: { ...person, email: `${person.username}@example.com` } });
    return true;
  } catch (failure) {
    if (failure instanceof ApiFailure && failure.code === 'user.username-taken') return false;
    throw failure;
  }
}

export function actAs(api: Api, { username, password }: { username: string; password: string }): Person {
  let session: Promise<Session> | undefined;
  return {
    username,
    async call(method, path, call = {}) {
      if (session !== undefined && performance.now() > (await session).useUntil) session = undefined;
      session ??= signIn(api, username, password);
      return api.call(method, path, { ...call, token: (await session).token });
    },
  };
}

interface Session {
  readonly token: string;
  readonly useUntil: number;
}

async function signIn(api: Api, username: string, password: string): Promise<Session> {
  const { body } = await api.call('POST', '/login', { body: { username, password } });
  const lifetimeMs = Number(field(body, 'expires_in')) * 1000;
  return { token: textField(body, 'access_token'), useUntil: performance.now() + lifetimeMs / 2 };
}

/** All items of a paginated list, in order. */
export async function readAll({ call }: Pick<Api, 'call'>, path: string): Promise<unknown[]> {
  const items: unknown[] = [];
  let cursor: unknown = null;
  do {
    const next = typeof cursor === 'string' ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const { body } = await call('GET', `${path}?limit=${PAGE_SIZE}${next}`);
    const page = field(body, 'items');
    if (!Array.isArray(page)) throw new Error(`GET ${path} returned no list`);
    items.push(...page);
    cursor = field(body, 'next_cursor');
  } while (typeof cursor === 'string');
  return items;
}
