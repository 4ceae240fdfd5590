import Library from 'stripe';
import { uniqueName } from './servers';
import { createIntents, type Fault, StripeRefusal } from './stripe-objects';

/** The API version that the pinned library sends. */
const API_VERSION = Library.API_VERSION;

export const STRIPE_KEY = 'sk_live_0123456789abcdefStandIn';
export const WEBHOOK_SECRET = 'whsec_0123456789abcdefStandIn';

interface Stored {
  readonly fingerprint: string;
  readonly response: { status: number; body: unknown };
}

/**
 * A stand-in for Stripe's API, as far as payments use it, with Stripe's own rules: it checks key and API version, keeps
 * idempotency keys (another request with a key is refused, the same one gets the same answer, errors of a run included),
 * fails where a test says, and signs the events of what happens.
 *
 * @param now milliseconds, by which events are signed
 */
export function startStripe(now: () => number = Date.now) {
  const objects = createIntents();
  const keys = new Map<string, Stored>();
  const faults: { operation: string; fault: Fault }[] = [];
  const requests: string[] = [];

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      const operation = operationOf(request.method, pathname);
      requests.push(operation);
      const at = faults.findIndex((each) => each.operation === operation);
      const fault = at === -1 ? undefined : faults.splice(at, 1)[0]?.fault;
      if (fault === 'unavailable') return failure(503, 'api_error');
      if (fault === 'rate-limited') return failure(429, 'invalid_request_error', 'rate_limit');
      const refused = admissionFailure(request);
      if (refused !== undefined) return refused;
      const body = await request.text();
      const respond = () =>
        answer(() => objects.handle(operation, pathname, new URLSearchParams(body || searchParams)));
      const response = idempotent(keys, request, `${pathname}?${body}`, respond);
      // The effect stays; the client learns nothing of it.
      if (fault === 'response-lost') return failure(500, 'api_error');
      return Response.json(response.body, { status: response.status, headers: response.headers });
    },
  });

  return {
    settings: { secretKey: STRIPE_KEY, apiUrl: `http://127.0.0.1:${server.port}` },
    /** Makes the next call of an operation fail; `response-lost` after it has taken effect. */
    fail: (operation: string, fault: Fault, times = 1) =>
      void faults.push(...Array.from({ length: times }, () => ({ operation, fault }))),
    /** The operations that were called, in order. */
    requests: () => requests.splice(0),
    intents: objects.intents,
    refunds: objects.refunds,
    /** What the payer's app does with a client secret. */
    confirmByPayer: objects.confirmByPayer,
    settleRefund: objects.settleRefund,
    /** An event about an object, with the header that signs it, as Stripe would send it. */
    async event(type: string, object: object, options: { secret?: string; atMs?: number; id?: string } = {}) {
      const payload = JSON.stringify({
        id: options.id ?? uniqueName('evt').replace('-', '_'),
        object: 'event',
        api_version: API_VERSION,
        type,
        data: { object },
      });
      return { payload, header: await signature(payload, { nowMs: now(), ...options }) };
    },
    stop: () => server.stop(true),
  };
}

/** The value of `Stripe-Signature`, by Stripe's own library. */
export const signature = (
  payload: string,
  {
    secret = WEBHOOK_SECRET,
    atMs,
    nowMs = Date.now(),
  }: { secret?: string; atMs?: number; nowMs?: number } = {},
): Promise<string> =>
  Library.webhooks.generateTestHeaderStringAsync({
    payload,
    secret,
    timestamp: Math.floor((atMs ?? nowMs) / 1000),
  });

function operationOf(method: string, pathname: string): string {
  const [, , collection = '', id, action] = pathname.split('/');
  if (collection === 'refunds') return method === 'GET' ? 'list-refunds' : 'refund';
  return action ?? (id === undefined ? 'create' : 'retrieve');
}

function admissionFailure({ method, headers }: Request): Response | undefined {
  if (headers.get('authorization') !== `Bearer ${STRIPE_KEY}`)
    return failure(401, 'invalid_request_error', undefined, 'Invalid API Key provided');
  if (headers.get('stripe-version') !== API_VERSION)
    return failure(400, 'invalid_request_error', undefined, 'Invalid Stripe API version');
  const isForm = headers.get('content-type') === 'application/x-www-form-urlencoded';
  return method === 'POST' && !isForm ? failure(400, 'invalid_request_error') : undefined;
}

/** https://docs.stripe.com/api/idempotent_requests: saved from when a request runs, not for one that is invalid. */
function idempotent(
  keys: Map<string, Stored>,
  { method, headers }: Request,
  fingerprint: string,
  respond: () => { status: number; body: unknown },
): { status: number; body: unknown; headers: Record<string, string> } {
  const key = headers.get('idempotency-key');
  if (method !== 'POST' || key === null) return { ...respond(), headers: {} };
  const stored = keys.get(key);
  if (stored !== undefined && stored.fingerprint !== fingerprint)
    return {
      status: 400,
      body: {
        error: { type: 'idempotency_error', message: 'Keys can only be used with the same parameters.' },
      },
      headers: {},
    };
  if (stored !== undefined) return { ...stored.response, headers: { 'idempotent-replayed': 'true' } };
  const response = respond();
  if (response.status !== 400) keys.set(key, { fingerprint, response });
  return { ...response, headers: {} };
}

function answer(handle: () => unknown): { status: number; body: unknown } {
  try {
    // What is answered is what was at that moment.
    return { status: 200, body: structuredClone(handle()) };
  } catch (refusal) {
    if (refusal instanceof StripeRefusal)
      return { status: refusal.status, body: { error: structuredClone(refusal.error) } };
    throw refusal;
  }
}

/** Without the library's own retries, so that tests need not wait for them. */
const failure = (status: number, type: string, code?: string, message = 'Failed'): Response =>
  Response.json({ error: { type, code, message } }, { status, headers: { 'stripe-should-retry': 'false' } });
