import { DynamoDBClient, ListTablesCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { connect } from 'amqplib';
import type { RowDataPacket } from 'mysql2/promise';
import { createClient } from 'redis';
import { connectBeanstalkd } from '#kit/messaging/beanstalkd/connection';
import { parkedTube } from '#kit/messaging/beanstalkd/delivery';
import { createMysqlPool } from '#kit/mysql/database';
import { findDefinitions } from '../../scripts/docs/message-definitions';

/** Something that a store holds, and where: `microblog_users.users.bio`, `redis likes:post:1`. */
export interface Held {
  readonly place: string;
  readonly bytes: Buffer;
}

type Environment = Readonly<Record<string, string>>;

/** Everything that the servers of a system hold about anybody. */
export async function* readStores(environment: Environment): AsyncGenerator<Held> {
  yield* readDatabases(environment);
  yield* readRedis(environment);
  yield* readQueues(environment);
  yield* readTubes(environment);
  yield* readDynamodb(environment);
  yield* readFiles(environment);
}

const variable = (environment: Environment, name: string): string => {
  const value = environment[name];
  if (value === undefined) throw new Error(`The system has no ${name}`);
  return value;
};

const SYSTEM_DATABASES = ['information_schema', 'performance_schema', 'mysql', 'sys'];
const COLUMNS_OF_A_TABLE =
  'select table_schema as `schema`, table_name as `table` from information_schema.tables';

async function* readDatabases(environment: Environment): AsyncGenerator<Held> {
  const pool = createMysqlPool(
    {
      host: variable(environment, 'DB_HOST'),
      port: Number(variable(environment, 'DB_PORT')),
      user: variable(environment, 'DB_USER'),
      password: variable(environment, 'DB_PASSWORD'),
      database: '',
    },
    1,
  );
  try {
    const [tables] = await pool.query<RowDataPacket[]>(
      `${COLUMNS_OF_A_TABLE} where table_type = 'BASE TABLE' and table_schema not in (?)`,
      [SYSTEM_DATABASES],
    );
    for (const { schema, table } of tables) {
      const [rows] = await pool.query<RowDataPacket[]>('select * from ??.??', [schema, table]);
      for (const row of rows)
        for (const [column, value] of Object.entries(row))
          if (Buffer.isBuffer(value) || typeof value === 'string')
            yield { place: `${schema}.${table}.${column}`, bytes: Buffer.from(value) };
          else if (value !== null && typeof value === 'object' && !(value instanceof Date))
            yield { place: `${schema}.${table}.${column}`, bytes: Buffer.from(JSON.stringify(value)) };
    }
  } finally {
    await pool.end();
  }
}

const openRedis = (url: string) => createClient({ url });

async function* readRedis(environment: Environment): AsyncGenerator<Held> {
  const client = openRedis(variable(environment, 'REDIS_URL'));
  await client.connect();
  try {
    for await (const keys of client.scanIterator({ COUNT: 1_000 }))
      for (const key of keys) {
        const value = await readKey(client, key);
        yield { place: `redis ${key}`, bytes: Buffer.from(`${key} ${JSON.stringify(value)}`) };
      }
  } finally {
    client.destroy();
  }
}

async function readKey(client: ReturnType<typeof openRedis>, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key);
    case 'list':
      return client.lRange(key, 0, -1);
    case 'set':
      return client.sMembers(key);
    case 'zset':
      return client.zRange(key, 0, -1);
    case 'hash':
      return client.hGetAll(key);
    case 'stream':
      return client.xRange(key, '-', '+');
    case 'none':
      return null;
    default:
      throw new Error(`The type of ${key} is not read`);
  }
}

const ROOT = `${import.meta.dir}/../..`;
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000];

async function* readQueues(environment: Environment): AsyncGenerator<Held> {
  const definitions = (await findDefinitions(ROOT)).map(({ definition }) => definition);
  const consumers = new Set(
    definitions.flatMap((definition) => (definition.kind === 'event' ? definition.consumers : [])),
  );
  const connection = await connect(variable(environment, 'AMQP_URL'));
  connection.on('error', () => undefined);
  try {
    for (const consumer of consumers)
      for (const queue of [
        consumer,
        `${consumer}.parked`,
        ...RETRY_DELAYS_MS.map((delayMs) => `${consumer}.retry.${delayMs}`),
      ]) {
        const channel = await connection.createChannel();
        // A queue that does not exist closes the channel.
        channel.on('error', () => undefined);
        const count = await channel.checkQueue(queue).then(
          ({ messageCount }) => messageCount,
          () => undefined,
        );
        if (count === undefined) continue;
        for (let index = 0; index < count; index++) {
          const message = await channel.get(queue);
          if (message === false) break;
          yield {
            place: `queue ${queue}`,
            bytes: Buffer.concat([message.content, Buffer.from(JSON.stringify(message.properties))]),
          };
        }
        // What was read returns to its place.
        await channel.close();
      }
  } finally {
    await connection.close();
  }
}

async function* readTubes(environment: Environment): AsyncGenerator<Held> {
  const definitions = (await findDefinitions(ROOT)).map(({ definition }) => definition);
  const tubes = new Set(
    definitions.flatMap((definition) => (definition.kind === 'job' ? [definition.tube] : [])),
  );
  const address = {
    host: variable(environment, 'BEANSTALKD_HOST'),
    port: Number(variable(environment, 'BEANSTALKD_PORT')),
  };
  for (const tube of [...tubes].flatMap((name) => [name, parkedTube(name)])) {
    const connection = await connectBeanstalkd(address);
    try {
      await connection.watchOnly(tube);
      for (;;) {
        const job = await connection.reserve(0);
        if (job === undefined) break;
        yield { place: `tube ${tube}`, bytes: job.bytes };
      }
    } finally {
      // Reserved jobs become ready again.
      connection.close();
    }
  }
}

async function* readDynamodb(environment: Environment): AsyncGenerator<Held> {
  const client = new DynamoDBClient({
    endpoint: variable(environment, 'DYNAMODB_URL'),
    region: variable(environment, 'AWS_REGION'),
    credentials: {
      accessKeyId: variable(environment, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: variable(environment, 'AWS_SECRET_ACCESS_KEY'),
    },
  });
  const { TableNames = [] } = await client.send(new ListTablesCommand({}));
  for (const TableName of TableNames) {
    let start: Record<string, never> | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new ScanCommand({ TableName, ...(start && { ExclusiveStartKey: start }) }),
      );
      for (const item of Items)
        yield { place: `dynamodb ${TableName}`, bytes: Buffer.from(JSON.stringify(item)) };
      start = LastEvaluatedKey as typeof start;
    } while (start !== undefined);
  }
}

async function* readFiles(environment: Environment): AsyncGenerator<Held> {
  for (const name of ['MEDIA_STORAGE', 'ARCHIVES_STORAGE']) {
    const folder = variable(environment, name);
    for await (const path of new Bun.Glob('**/*').scan({ cwd: folder, dot: true, onlyFiles: true })) {
      const file = Bun.file(`${folder}/${path}`);
      // It may be replaced at any time.
      const bytes = await file.bytes().catch(() => new Uint8Array());
      yield { place: `${name} ${path}`, bytes: Buffer.concat([Buffer.from(`${path} `), bytes]) };
    }
  }
}
