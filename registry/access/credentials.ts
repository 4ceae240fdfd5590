import { timingSafeEqual } from 'node:crypto';
import { parseBearer } from '#kit/auth/bearer';
import type { Problem } from '#kit/errors/problem';
import type { StreamContext } from '#kit/http/streams/event-stream-response';
import type { StreamOwner } from '#kit/http/streams/shares';
import { CredentialsMissing, InstanceUnknown, LeaseSecretWrong } from '../model';
import { hashSecret } from '../table/lease-secret';

/** @throws CredentialsMissing when a token is configured and the bearer is another */
export function requireRegistryToken(token: string | undefined, bearer: string | undefined): void {
  if (token === undefined) return;
  if (!isToken(token, bearer))
    throw new CredentialsMissing({
      detail:
        'Send the REGISTRY_TOKEN as `Authorization: Bearer`: first registrations and acknowledging watches need it.',
      headers: { 'www-authenticate': 'Bearer' },
    });
}

/** The bearer token of a request. */
export const bearerOf = (request: Request): string | undefined =>
  parseBearer(request.headers.get('authorization')) ?? undefined;

/**
 * Whom a watch or a long poll is charged to: the processes of the system, where a token tells them from strangers, else the
 * address of the connection, as no proxy is in front of the registry.
 */
export function streamOwner(token: string | undefined, { request, server }: StreamContext): StreamOwner {
  const isOfSystem = token !== undefined && isToken(token, bearerOf(request));
  return {
    personId: isOfSystem ? 'system' : null,
    address: server?.requestIP(request)?.address ?? '127.0.0.1',
  };
}

const isToken = (token: string, bearer: string | undefined) =>
  bearer !== undefined && timingSafeEqual(hashSecret(bearer), hashSecret(token));

/** @throws CredentialsMissing without a bearer */
export function requireBearer(bearer: string | undefined): string {
  if (bearer === undefined)
    throw new CredentialsMissing({
      detail: 'Send the lease secret or the watcher token as `Authorization: Bearer`.',
      headers: { 'www-authenticate': 'Bearer' },
    });
  return bearer;
}

/** The error for an instance without a lease, or a secret of another one. */
export const leaseError = (outcome: 'unknown' | 'wrong-secret'): Problem =>
  outcome === 'unknown'
    ? new InstanceUnknown({ detail: 'The instance holds no lease. Register it again.' })
    : new LeaseSecretWrong({ detail: 'Send the `lease_secret` that the registration returned.' });
