import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuthEnforcer } from '#contracts/registry';
import { httpUrl } from '#kit/core/address';
import { proofOf, proofPath } from '#kit/registry/address-proof';
import { hashSecret, proofKeyOf } from '../table/lease-secret';
import type { ProofOutcome, ProofTarget } from '../table/model';
import { routesOfDocument } from './openapi-routes';

/** An instance answers from memory; a machine at full load may take a second to get to it. */
const TIMEOUT_MS = 3_000;
const DOCUMENT_TIMEOUT_MS = 5_000;
const PROOF_BYTES = 1_024;
const DOCUMENT_BYTES = 2 * 1024 * 1024;

/** Verifies an address by calling it. Never throws. */
export type Probe = (target: ProofTarget) => Promise<ProofOutcome>;

/** The probe of a registry: a challenge over HTTP, and over gRPC where a port is registered, or a health check. */
export async function probeAddress(target: ProofTarget): Promise<ProofOutcome> {
  const outcome = target.verify === 'http' ? await checkHealth(target) : await challenge(target);
  if (outcome.outcome !== 'verified' || target.openapi === undefined) return outcome;
  return readDocument(target, target.openapi);
}

async function challenge(target: ProofTarget): Promise<ProofOutcome> {
  const { host, port, grpc_port: grpcPort, instance_id: id } = target;
  const nonce = randomBytes(24).toString('base64url');
  const wanted = proofOf(proofKeyOf(target.secretHash), nonce);
  const reply = await get(httpUrl(host, port, proofPath(id, nonce)), PROOF_BYTES, TIMEOUT_MS);
  if ('outcome' in reply) return reply;
  if (reply.status !== 200)
    return failed(`The address answered the challenge with status ${reply.status}. ${HOW_TO_PROVE}`);
  if (!isEqual(reply.text.trim().toLowerCase(), wanted))
    return failed(`The address answered the challenge with something else. ${HOW_TO_PROVE}`);
  return grpcPort === undefined ? VERIFIED : challengeGrpc(target, grpcPort);
}

async function challengeGrpc(target: ProofTarget, port: number): Promise<ProofOutcome> {
  // Loaded with the first such instance only: a registry without any does without the library.
  const { proveOverGrpc } = await import('#kit/grpc/address-proof');
  const nonce = randomBytes(24).toString('base64url');
  const reply = await proveOverGrpc(target, { port, challenge: nonce, timeoutMs: TIMEOUT_MS });
  if ('proof' in reply)
    return isEqual(reply.proof, proofOf(proofKeyOf(target.secretHash), nonce))
      ? VERIFIED
      : failed('Another process answers at the gRPC port.');
  return reply.unreachable
    ? { outcome: 'unreachable', reason: 'The gRPC port does not answer.' }
    : failed('The gRPC port does not serve registry.v1.AddressProofService.');
}

async function checkHealth({ host, port, health_path: path = '/' }: ProofTarget): Promise<ProofOutcome> {
  const reply = await get(httpUrl(host, port, path), PROOF_BYTES, TIMEOUT_MS);
  if ('outcome' in reply) return reply;
  return reply.status >= 200 && reply.status < 300
    ? VERIFIED
    : failed(`The health check answered with status ${reply.status} instead of 2xx.`);
}

async function readDocument(target: ProofTarget, path: string): Promise<ProofOutcome> {
  const { host, port, auth_by: enforcedBy } = target;
  const reply = await get(httpUrl(host, port, path), DOCUMENT_BYTES, DOCUMENT_TIMEOUT_MS);
  if ('outcome' in reply) return failed('The OpenAPI document could not be read.');
  if (reply.status !== 200) return failed(`The OpenAPI document answered with status ${reply.status}.`);
  return routesIn(reply.text, enforcedBy);
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
async function get(url: string, maxBytes: number, timeoutMs: number): Promise<Reply | ProofOutcome> {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      keepalive: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await textUpTo(response.body, maxBytes) };
  } catch (failure) {
    return outcomeOf(failure);
  }
}

/** Bun's error codes: only these two say for certain who listens. */
function outcomeOf(failure: unknown): ProofOutcome {
  const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
  if (code === 'ConnectionRefused' || code === 'ECONNREFUSED')
    return { outcome: 'refused', reason: 'Nothing listens at this address.' };
  if (failure instanceof Error && (failure.name === 'TimeoutError' || code === 'FailedToOpenSocket'))
    return { outcome: 'unreachable', reason: 'The address does not answer within three seconds.' };
  if (code === 'ENOTFOUND' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return { outcome: 'unreachable', reason: 'The address cannot be reached from the registry.' };
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
