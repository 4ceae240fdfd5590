import type { JSONWebKeySet } from 'jose';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { Database } from '#kit/mysql/database';

/** The methods of the users service that this service calls. */
export type UsersClient = Pick<GrpcClient<UsersServiceDefinition>, 'createUser' | 'getUsers'>;

export interface AccountsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly tokens: TokenVerifier;
  readonly users: UsersClient;
  /** HMAC key that derives usernames from phone numbers without disclosing the numbers. */
  readonly phoneSecret: string;
  /** ISO 4217 code of the account opened for every user. */
  readonly defaultCurrency: string;
  /** The public signing keys of auth. */
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
}
