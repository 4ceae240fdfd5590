import type { Scope } from '#kit/auth/scopes';

/** Who may use a route that the gateway guards for its service. */
export interface AccessRule {
  /** `optional`, `user`, or the required permission. */
  readonly auth: string;
  /** What an app needs that acts for a user; undefined where none is admitted. */
  readonly scope: Scope | undefined;
}
