import { Counter } from 'prom-client';
import type Stripe from 'stripe';
import type { Runtime } from '#kit/core/runtime';
import { PermanentError, RetryableError } from '#kit/messaging/delivery';
import { type Circuit, createCircuit } from './circuit';

/** Stripe answers most calls within a second; a confirmation waits for the card network. */
const TIMEOUT_MS = 15_000;
/** Each with the same idempotency key, after 0.5 to 5 s. */
const RETRIES = 2;

export interface StripeSettings {
  readonly secretKey: string;
  /** `https://api.stripe.com`, or where a test or a proxy stands in. */
  readonly apiUrl: string;
}

/** Calls of Stripe's API within its limits. */
export interface StripeApi {
  /**
   * Makes a call.
   *
   * @param operation for the metric
   * @throws what Stripe has refused, as its library describes it (`refusalOf`)
   * @throws RetryableError when the outcome is unknown: no answer, a failure of Stripe, too many requests, no access
   */
  call<Result>(operation: string, make: (stripe: Stripe) => Promise<Result>): Promise<Result>;
}

/** Opens Stripe's API; its library is not loaded where there is another provider. `/readyz` shows the last call's outcome. */
export async function openStripe(runtime: Runtime, settings: StripeSettings): Promise<StripeApi> {
  const { default: Library } = await import('stripe');
  const { protocol, hostname, port } = new URL(settings.apiUrl);
  const isTls = protocol === 'https:';
  const stripe = new Library(settings.secretKey, {
    protocol: isTls ? 'https' : 'http',
    host: hostname,
    port: port || (isTls ? 443 : 80),
    timeout: TIMEOUT_MS,
    maxNetworkRetries: RETRIES,
    telemetry: false,
  });
  const circuit = createCircuit();
  runtime.dependency({ name: 'payment-provider', required: false, check: circuit.check });
  const calls = new Counter({
    name: 'payments_provider_calls_total',
    help: 'Calls of the payment provider, by outcome: answered, refused or unavailable',
    labelNames: ['operation', 'outcome'] as const,
    registers: [runtime.metrics],
  });
  return {
    async call(operation, make) {
      circuit.admit();
      try {
        const result = await make(stripe);
        circuit.succeeded();
        calls.inc({ operation, outcome: 'answered' });
        return result;
      } catch (failure) {
        const refusal = refusalOf(failure);
        calls.inc({ operation, outcome: refusal === undefined ? 'unavailable' : 'refused' });
        throw translated(circuit, failure, refusal);
      }
    },
  };
}

/** What Stripe has understood and refused: the card, or the request. */
export interface Refusal {
  readonly kind: 'card' | 'request';
  /** Like `card_declined`; https://docs.stripe.com/error-codes */
  readonly code: string;
}

/** The refusal in an error of Stripe's library; undefined for any other error. */
export function refusalOf(failure: unknown): Refusal | undefined {
  const { type, code } = errorOf(failure);
  if (type === 'StripeCardError') return { kind: 'card', code };
  return type === 'StripeInvalidRequestError' ? { kind: 'request', code } : undefined;
}

/**
 * Whatever else fails may have taken effect. The library's error is not passed on: its text, headers and body may hold
 * what nobody should log.
 */
function translated(circuit: Circuit, failure: unknown, refusal: Refusal | undefined): unknown {
  if (refusal !== undefined) {
    circuit.succeeded();
    return failure;
  }
  const { type, status } = errorOf(failure);
  if (type === 'StripeIdempotencyError')
    return new PermanentError('the payment provider knows the idempotency key with other parameters');
  const reason = status === undefined ? type : `${type} (${status})`;
  circuit.failed(reason);
  return new RetryableError(`payment provider unavailable: ${reason}`);
}

function errorOf(failure: unknown): { type: string; code: string; status: number | undefined } {
  const { type, code, statusCode } = Object(failure) as Record<string, unknown>;
  return {
    type: typeof type === 'string' ? type : failure instanceof Error ? failure.name : 'unknown error',
    code: typeof code === 'string' ? code : 'unknown',
    status: typeof statusCode === 'number' ? statusCode : undefined,
  };
}
