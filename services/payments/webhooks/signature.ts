import { createHmac, timingSafeEqual } from 'node:crypto';

/** As in Stripe's libraries. */
const TOLERANCE_SECONDS = 300;
/** One per secret that is valid at Stripe: two while one is replaced. */
const MAX_SIGNATURES = 10;

/** A received webhook event: its bytes as they were sent, and the header that signs them. */
export interface SignedEvent {
  readonly bytes: Uint8Array;
  /** `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]`; null without the header. */
  readonly header: string | null;
}

/**
 * Whether an event is signed with one of the secrets, and was so in the last five minutes: HMAC-SHA256 over
 * `<t>.<body>`, compared in constant time (https://docs.stripe.com/webhooks#verify-manually). Other schemes than `v1` are
 * ignored, so that none is downgraded to.
 *
 * @param nowMs the time of arrival
 */
export function isSignedEvent(
  { bytes, header }: SignedEvent,
  secrets: readonly string[],
  nowMs = Date.now(),
): boolean {
  const { timestamps, signatures } = parseHeader(header ?? '');
  const [timestamp] = timestamps;
  if (timestamp === undefined || timestamps.length > 1 || signatures.length > MAX_SIGNATURES) return false;
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const expected = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${timestamp}.`).update(bytes).digest(),
  );
  // All are compared: how many secrets there are, and which one fits, takes no different time.
  const matches = signatures.flatMap((signature) =>
    expected.map((digest) => timingSafeEqual(signature, digest)),
  );
  return matches.includes(true);
}

function parseHeader(header: string) {
  const timestamps: string[] = [];
  const signatures: Buffer[] = [];
  for (const part of header.split(',')) {
    const separator = part.indexOf('=');
    const [key, value] = [part.slice(0, separator).trim(), part.slice(separator + 1).trim()];
    if (key === 't') timestamps.push(value);
    else if (key === 'v1' && /^[0-9a-f]{64}$/.test(value)) signatures.push(Buffer.from(value, 'hex'));
  }
  return { timestamps, signatures };
}
