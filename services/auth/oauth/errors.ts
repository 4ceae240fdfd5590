/** RFC 6749 (5.2 and 4.1.2.1), RFC 6750, RFC 7009, RFC 7591, RFC 8628 and OpenID Connect Core (3.1.2.6). */
export type OAuthErrorCode =
  | 'access_denied'
  | 'authorization_pending'
  | 'consent_required'
  | 'expired_token'
  | 'insufficient_scope'
  | 'invalid_client'
  | 'invalid_client_metadata'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_token'
  | 'login_required'
  | 'registration_not_supported'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type';

/** An error in the form of the protocol, which its clients read, instead of a problem document. */
export class OAuthError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param description for developers (RFC 6749, 5.2: ASCII without quotes); never what was sent */
  constructor(
    readonly code: OAuthErrorCode,
    readonly description: string,
    { status = 400, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(`${code}: ${description}`);
    this.name = 'OAuthError';
    this.status = status;
    this.headers = headers;
  }
}
