/** The authenticated user of a request, from their access token. */
export interface Caller {
  readonly id: string;
  readonly username: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
  readonly tokenId: string;
  /** When the user signed in, kept through refreshes (`auth_time`). Seconds since 1970; 0 where the token does not say. */
  readonly signedInAt: number;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}
