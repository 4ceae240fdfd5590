import { timingSafeEqual } from 'node:crypto';
import type { Problem } from '#kit/errors/problem';
import { CredentialsMissing, InstanceUnknown, LeaseSecretWrong } from '../model';
import { hashSecret } from '../table/lease-secret';

/** @throws CredentialsMissing when a token is configured and the bearer is another */
export function requireRegistryToken(token: string | undefined, bearer: string | undefined): void {
  if (token === undefined) return;
  if (bearer === undefined || !timingSafeEqual(hashSecret(bearer), hashSecret(token)))
    throw new CredentialsMissing({
      detail:
        'Send the REGISTRY_TOKEN as `Authorization: Bearer`: first registrations and acknowledging watches need it.',
      headers: { 'www-authenticate': 'Bearer' },
    });
}

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
