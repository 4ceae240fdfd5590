import {
  type AttributeValue,
  BatchGetItemCommand,
  type CreateTableCommandInput,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { keyOfCounter, keyOfEnding, keyOfPoll, keyOfVote } from './keys';

export interface PollRecord {
  readonly id: string;
  readonly author_id: string | null;
  readonly question: string;
  readonly options: readonly string[];
  readonly multiple: boolean;
  readonly hide_results_until_end: boolean;
  /** Milliseconds since 1970. */
  readonly created_at: number;
  /** Milliseconds since 1970; null stays open. */
  readonly expires_at: number | null;
}

export interface PollsTable {
  readonly client: DynamoDBClient;
  readonly name: string;
}

export type VoteOutcome = 'counted' | 'already-voted' | 'closed' | 'contended';

/** One item for each counter would let two people vote only one after the other; so many can at the same time. */
const COUNTERS = 8;
/** Stands for "never" where an item must hold an end to be compared. */
const NEVER = Number.MAX_SAFE_INTEGER;
const BY_PERSON = 'by-person';

/** One table: a poll, its counters and its votes share a partition; an index finds what belongs to a person. */
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

/** Lets the database remove what belongs to polls that ended long ago. */
export async function enableExpiry({ client, name }: PollsTable): Promise<void> {
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: name,
      TimeToLiveSpecification: { AttributeName: 'removed_at', Enabled: true },
    }),
  );
}

/** @param removeAfterEndMs how long an ended poll is kept; null keeps it for ever */
export async function insertPoll(
  { client, name }: PollsTable,
  poll: PollRecord,
  removeAfterEndMs: number | null,
): Promise<void> {
  const removal = removalOf(poll, removeAfterEndMs);
  const ends_at = poll.expires_at ?? NEVER;
  const counts = Object.fromEntries(poll.options.map((_, index) => [`votes_${index}`, 0]));
  const counters = Array.from({ length: COUNTERS }, (_, number) =>
    put(name, { ...keyOfCounter(poll.id, number), ...counts, voters: 0, ends_at, ...removal }),
  );
  const item = { ...keyOfPoll(poll.id), ...poll, person_id: poll.author_id, ...removal };
  const ending =
    poll.expires_at === null ? [] : [keyOfEnding({ pollId: poll.id, endsAtMs: poll.expires_at })];
  await client.send(
    new TransactWriteItemsCommand({
      TransactItems: [put(name, item), ...counters, ...ending.map((key) => put(name, key))],
    }),
  );
}

/** The database counts time to live in seconds. */
const removalOf = (poll: PollRecord, removeAfterEndMs: number | null) =>
  removeAfterEndMs === null || poll.expires_at === null
    ? {}
    : { removed_at: Math.floor((poll.expires_at + removeAfterEndMs) / 1000) };

const put = (table: string, item: Record<string, unknown>): TransactWriteItem => ({
  Put: { TableName: table, Item: marshall(item), ConditionExpression: 'attribute_not_exists(pk)' },
});

export async function findPoll({ client, name }: PollsTable, id: string): Promise<PollRecord | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: name, Key: marshall(keyOfPoll(id)), ConsistentRead: true }),
  );
  return Item && pollOf(Item);
}

function pollOf(item: Record<string, AttributeValue>): PollRecord {
  const { id, author_id, question, options, multiple, hide_results_until_end, created_at, expires_at } =
    unmarshall(item);
  return { id, author_id, question, options, multiple, hide_results_until_end, created_at, expires_at };
}

export async function hasVoted({ client, name }: PollsTable, id: string, personId: string): Promise<boolean> {
  const { Item } = await client.send(
    new GetItemCommand({
      TableName: name,
      Key: marshall(keyOfVote(id, personId)),
      ProjectionExpression: 'pk',
      ConsistentRead: true,
    }),
  );
  return Item !== undefined;
}

/**
 * Counts a vote if its person has none and the poll is open: both are decided by the database in one transaction, so
 * any number of simultaneous votes of one person count once. What was chosen is not kept with the person.
 *
 * @param choices indexes of the chosen options
 */
export async function countVote(
  { client, name }: PollsTable,
  vote: { pollId: string; personId: string; choices: readonly number[]; nowMs: number; removedAt?: number },
): Promise<VoteOutcome> {
  const { pollId, personId, choices, nowMs } = vote;
  const additions = ['voters', ...choices.map((choice) => `votes_${choice}`)];
  const counter: TransactWriteItem = {
    Update: {
      TableName: name,
      Key: marshall(keyOfCounter(pollId, Math.floor(Math.random() * COUNTERS))),
      UpdateExpression: `ADD ${additions.map((column) => `${column} :one`).join(', ')}`,
      ConditionExpression: 'ends_at > :now',
      ExpressionAttributeValues: marshall({ ':one': 1, ':now': nowMs }),
    },
  };
  try {
    const ballot = put(name, { ...keyOfVote(pollId, personId), person_id: personId, voted_at: nowMs });
    await client.send(new TransactWriteItemsCommand({ TransactItems: [ballot, counter] }));
    return 'counted';
  } catch (failure) {
    if (!(failure instanceof TransactionCanceledException)) throw failure;
    const [ballotReason, counterReason] = (failure.CancellationReasons ?? []).map((reason) => reason.Code);
    if (ballotReason === 'ConditionalCheckFailed') return 'already-voted';
    if (counterReason === 'ConditionalCheckFailed') return 'closed';
    return 'contended';
  }
}

/** The counts of a poll's options, in their order, and how many people voted. */
export async function readCounts(
  { client, name }: PollsTable,
  poll: PollRecord,
): Promise<{ voters: number; votes: number[] }> {
  const keys = Array.from({ length: COUNTERS }, (_, number) => marshall(keyOfCounter(poll.id, number)));
  const { Responses } = await client.send(
    new BatchGetItemCommand({ RequestItems: { [name]: { Keys: keys, ConsistentRead: true } } }),
  );
  const counters = (Responses?.[name] ?? []).map((item) => unmarshall(item));
  const sum = (column: string) =>
    counters.reduce((total, counter) => total + Number(counter[column] ?? 0), 0);
  return { voters: sum('voters'), votes: poll.options.map((_, index) => sum(`votes_${index}`)) };
}

/** Takes a person out: polls stay without an author, votes stay counted but belong to nobody. */
export async function forgetPerson(table: PollsTable, personId: string): Promise<void> {
  const { client, name } = table;
  for (;;) {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: name,
        IndexName: BY_PERSON,
        KeyConditionExpression: 'person_id = :person',
        ExpressionAttributeValues: marshall({ ':person': personId }),
        Limit: 100,
      }),
    );
    if (Items.length === 0) return;
    for (const item of Items) await forgetItem(table, unmarshall(item));
  }
}

async function forgetItem({ client, name }: PollsTable, { pk, sk }: Record<string, string>): Promise<void> {
  const Key = marshall({ pk, sk });
  if (sk === 'POLL')
    await client.send(
      new UpdateItemCommand({
        TableName: name,
        Key,
        UpdateExpression: 'SET author_id = :none REMOVE person_id',
        ExpressionAttributeValues: marshall({ ':none': null }),
      }),
    );
  else await client.send(new DeleteItemCommand({ TableName: name, Key }));
}
