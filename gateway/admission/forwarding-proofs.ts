import type { ServiceTokens } from '#kit/auth/service-token';
import type { Logger } from '#kit/core/log';
import { GATEWAY_TOKEN_FIELD } from '#kit/http/forwarding/gateway-token';
import type { ForwardingProofs } from '../model/forwarding-proofs';

/** `tokenFor` returns tokens of up to half of their lifetime: these together are less than the other half. */
const REPLACE_AFTER_MS = 10_000;
const VALID_MS = 20_000;
/** Names of services that have gone are forgotten in the end. */
const MAX_SERVICES = 1_000;

/**
 * One token per service, written as a line once and not per request. It is for that service alone: one from elsewhere
 * cannot use it to speak for the gateway at another.
 *
 * @param now monotonic milliseconds
 */
export function createForwardingProofs(
  tokens: ServiceTokens,
  log: Logger,
  now: () => number = () => performance.now(),
): ForwardingProofs {
  const proofs = new Map<string, { line: string; signedAtMs: number }>();
  const pending = new Map<string, Promise<void>>();

  async function sign(service: string): Promise<void> {
    const line = `${GATEWAY_TOKEN_FIELD}: ${await tokens.tokenFor(service)}\r\n`;
    if (proofs.size >= MAX_SERVICES) proofs.clear();
    proofs.set(service, { line, signedAtMs: now() });
  }

  function prepare(service: string): Promise<void> {
    const running = pending.get(service);
    if (running !== undefined) return running;
    const signing = sign(service).finally(() => pending.delete(service));
    pending.set(service, signing);
    return signing;
  }

  return {
    isReady(service, nowMs) {
      const proof = proofs.get(service);
      if (proof === undefined) return false;
      const ageMs = nowMs - proof.signedAtMs;
      if (ageMs > REPLACE_AFTER_MS && ageMs <= VALID_MS)
        prepare(service).catch((failure: unknown) =>
          log.error({ err: failure }, 'replacing a service token failed'),
        );
      return ageMs <= VALID_MS;
    },
    prepare,
    lineFor: (service) => proofs.get(service)?.line ?? '',
  };
}
