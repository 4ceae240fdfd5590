import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
  ListTablesCommand,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { retryForever, sleep } from '../core/back-off';
import { createWorkQueue } from '../core/queues/work-queue';
import type { Runtime } from '../core/runtime';

const CONNECT_TIMEOUT_MS = 1_000;
/**
 * Calls queue here rather than in the SDK, which counts time in its own queue as time to connect; for as long as for a
 * connection of MySQL.
 */
const CALLS = { concurrent: 40, waiting: 2_000, waitMs: 5_000 };
const REQUEST_TIMEOUT_MS = 2_000;
/** The SDK's default, with jittered back-off in between. */
const ATTEMPTS = 3;

export interface DynamodbEnvironment {
  readonly DYNAMODB_URL: string;
  readonly AWS_REGION: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

/** Opens DynamoDB or an emulator of it. Every call settles within a few seconds. */
export function openDynamodb(runtime: Runtime, env: DynamodbEnvironment): DynamoDBClient {
  const client = new DynamoDBClient({
    endpoint: env.DYNAMODB_URL,
    region: env.AWS_REGION,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without it the SDK only warns, and waits for ever.
      throwOnRequestTimeout: true,
    },
  });
  const queue = createWorkQueue({ name: 'dynamodb calls', metrics: runtime.metrics, limits: CALLS });
  client.middlewareStack.add((next) => (call) => queue.run(() => next(call)), {
    step: 'initialize',
    name: 'limits',
  });
  runtime.dependency({
    name: 'dynamodb',
    required: true,
    check: async () => {
      await client.send(new ListTablesCommand({ Limit: 1 }));
      return undefined;
    },
  });
  runtime.onClose('dynamodb', () => client.destroy());
  return client;
}

/**
 * Creates a table if it does not exist and waits until it is active. Waits for a server that is not available yet.
 *
 * @throws when the process shuts down before
 */
export async function ensureTable(
  runtime: Runtime,
  client: DynamoDBClient,
  table: CreateTableCommandInput & { TableName: string },
): Promise<void> {
  await retryForever(() => createIfMissing(runtime, client, table), {
    signal: runtime.closing,
    onFailure: (failure, attempt) => {
      if (attempt % 5 === 1)
        runtime.log.warn({ err: String(failure) }, 'DynamoDB is unavailable; reconnecting');
    },
    capMs: 1_000,
  });
}

async function createIfMissing(
  runtime: Runtime,
  client: DynamoDBClient,
  table: CreateTableCommandInput & { TableName: string },
): Promise<void> {
  while ((await statusOf(client, table.TableName)) !== 'ACTIVE') {
    try {
      await client.send(new CreateTableCommand(table));
    } catch (failure) {
      // Another instance is creating it.
      if (!(failure instanceof ResourceInUseException)) throw failure;
    }
    await sleep(100, runtime.closing);
    if (runtime.closing.aborted) throw new Error('Shut down while waiting for a table');
  }
}

async function statusOf(client: DynamoDBClient, name: string): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    return Table?.TableStatus;
  } catch (failure) {
    if (failure instanceof ResourceNotFoundException) return undefined;
    throw failure;
  }
}
