import type { RequestLifetime } from '#kit/core/queues/work-queue';
import type { Client } from '#kit/http/client-address';
import type { AppRow } from '../../apps/store';
import type { AuthDeps } from '../../deps';
import { OAuthError } from '../errors';
import type { TokenForm, TokenResponse } from '../model';

/** A request for tokens of an app that has shown who it is. */
export interface GrantRequest {
  readonly app: AppRow;
  readonly form: TokenForm;
  readonly client: Client;
  readonly lifetime: RequestLifetime;
}

/** Exchanges what an app has for tokens. @throws OAuthError */
export type Exchange = (deps: AuthDeps, request: GrantRequest) => Promise<TokenResponse>;

/** A parameter that an endpoint needs. @throws OAuthError `invalid_request` */
export function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new OAuthError('invalid_request', `${name} is missing.`);
  return value;
}
