import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';

export interface PollsTable {
  readonly client: DynamoDBClient;
  readonly name: string;
}

/** What the use cases need. `main.ts` builds it for the process, tests build it for themselves. */
export interface PollsDeps {
  readonly runtime: Runtime;
  readonly table: PollsTable;
  readonly tokens: TokenVerifier;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'checkRelationship'>;
  /** How long a poll is retained after its end; null retains polls forever. */
  readonly retentionMs: number | null;
  readonly now: () => number;
}
