import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuthEnforcer } from '#contracts/registry';
import { instanceUrl } from '#kit/core/address';
import { fetchTls, type InternalTls, tlsNameOf } from '#kit/core/internal-tls';
import { proofOf, proofPath } from '#kit/registry/address-proof';
import { hashSecret, proofKeyOf } from '../table/lease-secret';
import type { ProofOutcome, ProofTarget } from '../table/model';
import { routesOfDocument } from './openapi-routes';

/** An instance answers from memory; a machine at full load may take a second to get to it. */
const PROOF_LIMITS = { maxBytes: 1_024, timeoutMs: 3_000 };
const DOCUMENT_LIMITS = { maxBytes: 2 * 1024 * 1024, timeoutMs: 5_000 };

/** Verifies an address by calling it. Never throws. */
export type Probe = (target: ProofTarget) => Promise<ProofOutcome>;

/** What a probe calls with. */
interface Caller {
  readonly target: ProofTarget;
  readonly internalTls: InternalTls | null;
}

/**
 * The probe of a registry: a challenge over HTTP, and over gRPC where a port is registered, or a health check.
 *
 * @param internalTls verifies the certificate of an instance that serves TLS
 */
export const createProbe =
  (internalTls: InternalTls | null): Probe =>
  async (target) => {
    const caller = { target, internalTls };
    const outcome = target.verify === 'http' ? await checkHealth(caller) : await challenge(caller);
    if (outcome.outcome !== 'verified' || target.openapi === undefined) return outcome;
    return readDocument(caller, target.openapi);
  };

async function challenge(caller: Caller): Promise<ProofOutcome> {
  const { grpc_port: grpcPort, instance_id: id, secretHash } = caller.target;
  const nonce = randomBytes(24).toString('base64url');
  const wanted = proofOf(proofKeyOf(secretHash), nonce);
  const reply = await get(caller, proofPath(id, nonce), PROOF_LIMITS);
  if ('outcome' in reply) return reply;
  if (reply.status !== 200)
    return failed(`The address answered the challenge with status ${reply.status}. ${HOW_TO_PROVE}`);
  if (!isEqual(reply.text.trim().toLowerCase(), wanted))
    return failed(`The address answered the challenge with something else. ${HOW_TO_PROVE}`);
  return grpcPort === undefined ? VERIFIED : challengeGrpc(caller, grpcPort);
}

async function challengeGrpc({ target, internalTls }: Caller, port: number): Promise<ProofOutcome> {
  // Loaded with the first such instance only: a registry without any does without the library.
  const { proveOverGrpc } = await import('#kit/grpc/address-proof');
  const nonce = randomBytes(24).toString('base64url');
  const call = { port, challenge: nonce, timeoutMs: PROOF_LIMITS.timeoutMs, internalTls };
  const reply = await proveOverGrpc(target, call);
  if ('proof' in reply)
    return isEqual(reply.proof, proofOf(proofKeyOf(target.secretHash), nonce))
      ? VERIFIED
      : failed('Another process answers at the gRPC port.');
  return reply.unreachable
    ? { outcome: 'unreachable', reason: 'The gRPC port does not answer.' }
    : failed('The gRPC port does not serve registry.v1.AddressProofService.');
}

async function checkHealth(caller: Caller): Promise<ProofOutcome> {
  const reply = await get(caller, caller.target.health_path ?? '/', PROOF_LIMITS);
  if ('outcome' in reply) return reply;
  return reply.status >= 200 && reply.status < 300
    ? VERIFIED
    : failed(`The health check answered with status ${reply.status} instead of 2xx.`);
}

async function readDocument(caller: Caller, path: string): Promise<ProofOutcome> {
  const reply = await get(caller, path, DOCUMENT_LIMITS);
  if ('outcome' in reply) return failed('The OpenAPI document could not be read.');
  if (reply.status !== 200) return failed(`The OpenAPI document answered with status ${reply.status}.`);
  return routesIn(reply.text, caller.target.auth_by);
}

function routesIn(text: string, enforcedBy: AuthEnforcer): ProofOutcome {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return failed('The OpenAPI document is not JSON, or larger than 2 MiB.');
  }
  try {
    return { outcome: 'verified', routes: routesOfDocument(document, enforcedBy) };
  } catch (failure) {
    return failed(failure instanceof Error ? failure.message : 'The OpenAPI document cannot be routed.');
  }
}

type Reply = { readonly status: number; readonly text: string };

/** A GET on a connection of its own, that follows no redirect and reads no more than `maxBytes`. */
async function get(
  { target, internalTls }: Caller,
  path: string,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
): Promise<Reply | ProofOutcome> {
  try {
    const response = await fetch(instanceUrl(target, path), {
      redirect: 'manual',
      keepalive: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...fetchTls(internalTls, target.name),
    });
    return { status: response.status, text: await textUpTo(response.body, maxBytes) };
  } catch (failure) {
    return outcomeOf(failure, target);
  }
}

/** Bun's error codes: only these two say for certain who listens. */
function outcomeOf(failure: unknown, { name, tls }: ProofTarget): ProofOutcome {
  const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
  if (code === 'ConnectionRefused' || code === 'ECONNREFUSED')
    return { outcome: 'refused', reason: 'Nothing listens at this address.' };
  if (failure instanceof Error && (failure.name === 'TimeoutError' || code === 'FailedToOpenSocket'))
    return { outcome: 'unreachable', reason: 'The address does not answer within three seconds.' };
  if (code === 'ENOTFOUND' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return { outcome: 'unreachable', reason: 'The address cannot be reached from the registry.' };
  if (tls)
    return failed(
      `The address does not serve TLS with a certificate for ${tlsNameOf(name)} of the authority in INTERNAL_TLS_CA.`,
    );
  return failed('The address does not speak HTTP, or closed the connection.');
}

async function textUpTo(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    length += part.length;
    if (length > maxBytes) break;
  }
  return Buffer.concat(parts).subarray(0, maxBytes).toString('utf8');
}

const failed = (reason: string): ProofOutcome => ({ outcome: 'failed', reason });

const isEqual = (left: string, right: string) => timingSafeEqual(hashSecret(left), hashSecret(right));

const VERIFIED: ProofOutcome = { outcome: 'verified' };

const HOW_TO_PROVE =
  'Answer GET /.well-known/registry/{instance_id}?challenge=… with the HMAC-SHA256 of the challenge under the `proof_key` of the registration, in hexadecimal digits.';
