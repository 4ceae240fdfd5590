import type { MailCategory } from '#contracts/events/mail';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { Sealer } from '#kit/auth/sealing';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';
/** Why a mail is not sent. */
export type SuppressionReason = 'unverified' | 'unsubscribed' | 'bounced' | 'daily_limit';

/** The most mails of each category to one mailbox a day. */
export type DailyLimits = Readonly<Record<MailCategory, number>>;

export interface MailDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly tokens: TokenVerifier;
  readonly verifyService: (token: string | undefined) => Promise<string>;
  /** The processes that may queue mail over HTTP. */
  readonly callers: readonly string[];
  /** Seals the tokens of unsubscribe links. */
  readonly sealer: Sealer;
  /** The gateway's public URL, without a trailing slash. */
  readonly publicUrl: string;
  /** Longer than sending takes: when a claim expires, its sender must have died and another may send. */
  readonly claimMs: number;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'checkAddress'>;
  /** Development: mail is also sent to addresses that nobody has verified. */
  readonly mailsUnverified: boolean;
  readonly dailyLimits: DailyLimits;
  readonly countSuppressed: (reason: SuppressionReason, category: MailCategory) => void;
}
