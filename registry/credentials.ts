import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from './lease-secret';
import { CredentialsMissing } from './model';

/** @throws CredentialsMissing when a token is asked for and this is not it */
export function mustHoldToken(token: string | undefined, bearer: string | undefined): void {
  if (token === undefined) return;
  if (bearer === undefined || !timingSafeEqual(hashSecret(bearer), hashSecret(token)))
    throw new CredentialsMissing({
      detail: 'A first registration, and a watch that acknowledges, need the REGISTRY_TOKEN.',
      headers: { 'www-authenticate': 'Bearer' },
    });
}

/** @throws CredentialsMissing when nothing was presented */
export function presented(bearer: string | undefined): string {
  if (bearer === undefined) throw new CredentialsMissing({ headers: { 'www-authenticate': 'Bearer' } });
  return bearer;
}
