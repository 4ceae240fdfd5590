import type { JSONWebKeySet } from 'jose';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { Denylist } from '#kit/auth/denylist';
import type { Passwords } from '#kit/auth/passwords';
import type { Sealer } from '#kit/auth/sealing';
import type { TokenSettings, TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';

/** What the use cases of the auth service need. */
export interface AuthDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'createUser' | 'getAuthorizations'>;
  readonly passwords: Passwords;
  /** Decrypts the password hashes in events. */
  readonly sealer: Sealer;
  readonly settings: TokenSettings;
  readonly keys: KeyRing;
  readonly tokens: TokenVerifier;
  /** The revocations that this process knows. */
  readonly denylist: Denylist;
  readonly tokenLifetimeMs: number;
  readonly now: () => number;
  readonly throttle: Throttle;
  readonly resetThrottle: ResetThrottle;
  readonly backgroundQueue: BackgroundQueue;
  /** The public address of the system, which serves the page that a password reset link leads to. */
  readonly publicUrl: string;
  /** The key that successors of refresh tokens are derived with. */
  readonly refreshSecret: Uint8Array;
}

/** What a change that revokes tokens needs. */
export type RevocationDeps = Pick<AuthDeps, 'database' | 'outbox' | 'denylist' | 'tokenLifetimeMs' | 'now'>;

export interface SigningKey {
  /** Absent for a shared secret. */
  readonly kid?: string;
  readonly key: CryptoKey | Uint8Array;
}

/** The keys that access tokens are signed with, shared by all instances through the database. */
export interface KeyRing {
  signingKey(): SigningKey;
  /** The content of `/.well-known/jwks.json`; empty with a shared secret. */
  publicKeys(): JSONWebKeySet;
  /** Loads the keys of other instances, and creates and deletes keys on schedule. */
  refresh(): Promise<void>;
  /** Creates a new key now. It is published at once and signs fifteen minutes later. */
  rotate(): Promise<void>;
}

export interface Attempt {
  /** Identifies the account, whether it exists or not. */
  readonly account: string;
  readonly address: string;
}

/** Slows password guessing down, by account and by address. No account is ever locked out permanently. */
export interface Throttle {
  /**
   * Counts an attempt before it is made, so that concurrent attempts cannot exceed the limit.
   *
   * @throws TooManyAttempts with the seconds to wait in `Retry-After`
   */
  admit(attempt: Attempt): Promise<void>;
  /** Refunds a successful attempt and resets the count of consecutive failures. */
  succeeded(attempt: Attempt): Promise<void>;
  /** Blocks the account for longer with each consecutive failure. */
  failed(attempt: Attempt): Promise<void>;
  /** Unblocks an account: its owner has proved their identity and has set a new password. */
  unblock(account: string): Promise<void>;
}

/** Limits password reset requests. */
export interface ResetThrottle {
  /** @throws TooManyAttempts with the seconds to wait in `Retry-After` */
  admit(attempt: Attempt): Promise<void>;
}

/**
 * Runs work after the response, so that the response time does not reveal what was found. Shutdown waits for accepted
 * work.
 */
export interface BackgroundQueue {
  /**
   * @param name of the work, for the log
   * @throws ServiceOverloaded when the queue is full
   */
  enqueue(name: string, work: () => Promise<void>): void;
}
