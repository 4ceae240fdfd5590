/** The authenticated user of a request, from their access token; or an app that acts for nobody (`app.id` is its `id`). */
export interface Caller {
  readonly id: string;
  /** Empty for an app that acts for nobody, which no route receives as its caller. */
  readonly username: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** Those that need a second factor, which this session has not shown (`kit/auth/operators`). */
  readonly withheldPermissions?: readonly string[];
  readonly sessionId: string;
  readonly tokenId: string;
  /** When the user signed in, kept through refreshes (`auth_time`). Seconds since 1970; 0 where the token does not say. */
  readonly signedInAt: number;
  /** How they signed in (`amr`, RFC 8176): `pwd`, `otp`, `hwk`, `mfa` … Absent where the token does not say. */
  readonly methods?: readonly string[];
  /** The app that acts for them, and what they have allowed it. Absent for a session of their own, which may do all. */
  readonly app?: { readonly id: string; readonly scopes: readonly string[] };
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}
