import type { JSONWebKeySet } from 'jose';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { Denylist } from '#kit/auth/denylist';
import type { Passwords } from '#kit/auth/passwords';
import type { Sealer } from '#kit/auth/sealing';
import type { TokenSettings, TokenVerifier } from '#kit/auth/tokens';
import type { WorkQueue } from '#kit/core/queues/work-queue';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';
import type { SignInProviders } from './identities/providers';

/** What the use cases of the auth service need. */
export interface AuthDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  readonly users: Pick<
    GrpcClient<UsersServiceDefinition>,
    | 'checkAddress'
    | 'createUser'
    | 'createUserWithoutPassword'
    | 'deleteMe'
    | 'getAuthorizations'
    | 'getUsers'
  >;
  readonly passwords: Passwords;
  /** Decrypts the password hashes in events. */
  readonly sealer: Sealer;
  /** Encrypts the secrets of authenticator apps at rest. */
  readonly totpSealer: Sealer;
  readonly settings: TokenSettings;
  readonly keys: KeyRing;
  readonly tokens: TokenVerifier;
  /** The revocations that this process knows. */
  readonly denylist: Denylist;
  readonly tokenLifetimeMs: number;
  readonly now: () => number;
  readonly throttle: Throttle;
  /** Turns of checking passwords: everybody in turn, so that a flood of one network delays nobody else. */
  readonly passwordTurns: WorkQueue;
  readonly devices: Devices;
  readonly resetThrottle: ResetThrottle;
  readonly factorThrottle: FactorThrottle;
  readonly backgroundQueue: BackgroundQueue;
  /** The other OpenID providers that people may sign in with. */
  readonly providers: SignInProviders;
  /** Encrypts what waits for a browser to return from one of them. */
  readonly foreignSealer: Sealer;
  /** Whose pages may use the cookies of this service: the public origin, and those of `CORS_ORIGINS`. */
  readonly trustedOrigins: readonly string[];
  /** The public address of the system: of the pages that mails link to, and whose passkeys are good here. */
  readonly publicUrl: string;
  /** The key of the tokens that forms of our pages carry. */
  readonly formSecret: Uint8Array;
  /** Whether apps may exchange a person's password for tokens (`OAUTH_PASSWORD_GRANT`). */
  readonly passwordGrant: boolean;
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

/**
 * Tokens by which a browser shows that an account has signed in on it before (OWASP, "Slow Down Online Guessing Attacks with
 * Device Cookies"). A token admits nobody: with it an attempt has limits of its own, which no stranger can use up. It
 * names no account: only together with one can it be checked.
 */
export interface Devices {
  /** The id of the device, where one of the tokens in a cookie is of this account; undefined otherwise. */
  recognize(cookie: string | undefined, userId: string): string | undefined;
  /** The value of the cookie with a token in front: that of this account is replaced, a few of other accounts stay. */
  remember(cookie: string | undefined, userId: string): string;
}

/** An attempt to sign in with a password. */
export interface Attempt {
  /** What was typed, and as what: it may be the name of nobody. */
  readonly name: readonly [kind: 'username' | 'email', key: string];
  /** The account of that name, if there is one. */
  readonly userId: string | null;
  readonly address: string;
  /** The value of the device cookie. */
  readonly device: string | undefined;
  /** Whether the account has signed in from a network lately. */
  isKnownNetwork(network: string): Promise<boolean>;
}

/** Permission to check one password. */
export interface Admission {
  /** Whose attempts wait in one queue. */
  readonly queue: string;
  /** Whether the account has signed in on this device before. */
  readonly isRecognized: boolean;
  /** Counts a wrong password. */
  failed(): Promise<void>;
  /** Forgets the wrong passwords of the same device, session, or account and network. */
  succeeded(): Promise<void>;
}

/** Slows password guessing down, and nobody but those who guess. No account is ever locked. */
export interface Throttle {
  /** @throws TooManyAttempts with the seconds to wait in `Retry-After` */
  admit(attempt: Attempt): Promise<Admission>;
  /** For the password of somebody who is signed in. @throws TooManyAttempts */
  admitSession(sessionId: string): Promise<Admission>;
  /** Forgets wrong passwords at an account whose owner has reset the password, by its names and the owner's address. */
  forgive(names: readonly Attempt['name'][], address: string): Promise<void>;
}

/** A code of an authenticator app that somebody enters who knows the password. */
export interface CodeAttempt extends Pick<Attempt, 'address' | 'device' | 'isKnownNetwork'> {
  readonly userId: string;
}

/** Limits the answers to pending sign-ins. What cannot be guessed, a recovery code or a passkey, is always admitted. */
export interface FactorThrottle {
  /** Counts an answer to a pending sign-in. @param pending its hash. @returns whether it may be checked */
  takeAnswer(pending: string): Promise<boolean>;
  /** Counts a code before it is checked. @throws TooManyAttempts */
  takeCode(attempt: CodeAttempt): Promise<{ succeeded(): Promise<void> }>;
  /** Counts a challenge of WebAuthn. @throws TooManyAttempts by the requester's network alone */
  takeChallenge(address: string): Promise<void>;
}

/** Limits password reset requests. */
export interface ResetThrottle {
  /** @throws TooManyAttempts with the seconds to wait in `Retry-After`, by the requester's network alone */
  admitRequest(address: string): Promise<void>;
  /** Whether a mail may be sent. It is not where the account has a link that is still good, or the requester had their share. */
  admitMail(request: {
    userId: string;
    /** The canonical key. */
    email: string;
    address: string;
    device: string | undefined;
  }): Promise<boolean>;
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
