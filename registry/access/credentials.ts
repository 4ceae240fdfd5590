import { timingSafeEqual } from 'node:crypto';
import type { Problem } from '#kit/errors/problem';
import { registrationCredential } from '#kit/registry/credential';
import { CredentialsMissing, InstanceUnknown, LeaseSecretWrong } from '../model';
import { hashSecret } from '../table/lease-secret';

/** How registrations are authenticated. */
export interface CredentialRules {
  /** REGISTRY_TOKEN, from which the credential of each service is derived. */
  readonly token: string;
  /** False on a development machine: then only Rookery's own names and names registered with a credential need one. */
  readonly required: boolean;
}

/** Whether the bearer is the registration credential of this service name. */
export const isCredentialOf = (rules: CredentialRules, name: string, bearer: string | undefined): boolean =>
  bearer !== undefined &&
  timingSafeEqual(hashSecret(bearer), hashSecret(registrationCredential(rules.token, name)));

/** @throws CredentialsMissing without the credential of the gateway, where credentials are required */
export function requireGatewayCredential(rules: CredentialRules, bearer: string | undefined): void {
  if (rules.required && !isCredentialOf(rules, 'gateway', bearer))
    throw credentialsMissing(
      'Send the credential of `gateway`, which is derived from REGISTRY_TOKEN: acknowledging watches need it.',
    );
}

/** @throws CredentialsMissing without a bearer */
export function requireBearer(bearer: string | undefined): string {
  if (bearer === undefined)
    throw credentialsMissing('Send the lease secret or the watcher token as `Authorization: Bearer`.');
  return bearer;
}

export const credentialsMissing = (detail: string): Problem =>
  new CredentialsMissing({ detail, headers: { 'www-authenticate': 'Bearer' } });

/** The error for an instance without a lease, or a secret of another one. */
export const leaseError = (outcome: 'unknown' | 'wrong-secret'): Problem =>
  outcome === 'unknown'
    ? new InstanceUnknown({ detail: 'The instance holds no lease. Register it again.' })
    : new LeaseSecretWrong({
        detail:
          'Send the `lease_secret` that the registration returned. Only a process at the same address takes over without it.',
      });
