import { type CreateTableCommandInput, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import type { PollsTable } from './deps';

/** The index of what belongs to a person. */
export const BY_PERSON = 'by-person';

/** A single table (`keys.ts`), and an index of what belongs to a person. */
export const pollsTable = (name: string): CreateTableCommandInput & { TableName: string } => ({
  TableName: name,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
    { AttributeName: 'person_id', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: BY_PERSON,
      KeySchema: [
        { AttributeName: 'person_id', KeyType: 'HASH' },
        { AttributeName: 'pk', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
});

/** Has DynamoDB delete items once their `removed_at` has passed. */
export async function enableTimeToLive({ client, name }: PollsTable): Promise<void> {
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: name,
      TimeToLiveSpecification: { AttributeName: 'removed_at', Enabled: true },
    }),
  );
}
