import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
  ListTablesCommand,
  ResourceInUseException,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamodbSettings } from './settings';

type Item = Record<string, AttributeValue>;

export interface CopiedItem {
  readonly table: string;
  readonly item: Item;
}

/** A table as it is created again. */
export interface CopiedTable {
  readonly name: string;
  readonly description: Pick<
    CreateTableCommandInput,
    'KeySchema' | 'AttributeDefinitions' | 'GlobalSecondaryIndexes'
  >;
}

/** The most that one call writes. */
const ITEMS_PER_CALL = 25;
const POLL_MS = 100;

export const openDynamodbStore = (settings: DynamodbSettings): DynamoDBClient => new DynamoDBClient(settings);

export async function listTables(client: DynamoDBClient): Promise<CopiedTable[]> {
  const { TableNames = [] } = await client.send(new ListTablesCommand({}));
  const tables: CopiedTable[] = [];
  for (const name of TableNames) {
    const { Table = {} } = await client.send(new DescribeTableCommand({ TableName: name }));
    const { KeySchema = [], AttributeDefinitions = [], GlobalSecondaryIndexes = [] } = Table;
    const indexes = GlobalSecondaryIndexes.map(({ IndexName, KeySchema: keys, Projection }) => ({
      ...{ IndexName, Projection },
      KeySchema: keys,
    }));
    tables.push({
      name,
      description: {
        ...{ KeySchema, AttributeDefinitions },
        // An empty list is refused.
        ...(indexes.length > 0 && { GlobalSecondaryIndexes: indexes }),
      },
    });
  }
  return tables;
}

export async function* scanItems(
  client: DynamoDBClient,
  tables: readonly CopiedTable[],
): AsyncGenerator<CopiedItem> {
  for (const { name: table } of tables) {
    let start: Item | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ...(start && { ExclusiveStartKey: start }),
        }),
      );
      for (const item of Items) yield { table, item };
      start = LastEvaluatedKey;
    } while (start !== undefined);
  }
}

/** The key of an item, as text. */
export const keyOf = ({ item, table }: CopiedItem): string => JSON.stringify([table, item.pk, item.sk]);

/** Whether an item is deleted once its event is published: the end of a poll (services/polls/keys.ts). */
export const isPending = ({ item }: CopiedItem): boolean => item.pk?.S?.startsWith('ENDING#') === true;

/** Creates tables and writes items. @returns the number of items */
export async function restoreItems(
  client: DynamoDBClient,
  tables: readonly CopiedTable[],
  items: AsyncIterable<CopiedItem>,
): Promise<number> {
  for (const table of tables) await createTable(client, table);
  let count = 0;
  const batch: CopiedItem[] = [];
  for await (const item of items) {
    count++;
    if (batch.push(item) === ITEMS_PER_CALL) await write(client, batch.splice(0));
  }
  if (batch.length > 0) await write(client, batch);
  return count;
}

async function createTable(client: DynamoDBClient, { name, description }: CopiedTable): Promise<void> {
  try {
    await client.send(
      new CreateTableCommand({ TableName: name, ...description, BillingMode: 'PAY_PER_REQUEST' }),
    );
  } catch (failure) {
    if (!(failure instanceof ResourceInUseException)) throw failure;
  }
  for (;;) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === 'ACTIVE') return;
    await Bun.sleep(POLL_MS);
  }
}

async function write(client: DynamoDBClient, items: readonly CopiedItem[]): Promise<void> {
  let requests = Object.fromEntries(
    [...Map.groupBy(items, ({ table }) => table)].map(([table, ofTable]) => [
      table,
      ofTable.map(({ item }) => ({ PutRequest: { Item: item } })),
    ]),
  );
  while (Object.keys(requests).length > 0) {
    const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems: requests }));
    requests = (UnprocessedItems ?? {}) as typeof requests;
    if (Object.keys(requests).length > 0) await Bun.sleep(POLL_MS);
  }
}
