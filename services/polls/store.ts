import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  QueryCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { PollsTable } from './deps';
import { keyOfCounter, keyOfEndRecord, keyOfPoll, keyOfVote, pollIdOf } from './keys';
import { BY_PERSON } from './table';

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
  /** Seconds since 1970, when DynamoDB deletes all items of the poll; undefined retains them. Set by `insertPoll`. */
  readonly removed_at?: number | undefined;
  /** Of the posts that show it; undefined while none has, and for polls of before there was a visibility. */
  readonly visibility?: PollVisibility | undefined;
}

/** `followers`: for the author and their followers. */
export type PollVisibility = 'public' | 'followers';

export type VoteOutcome = 'counted' | 'already-voted' | 'closed' | 'contended';

/** Transactions on one item are serialized, so the votes of a poll are spread over this many counters. */
const COUNTERS = 8;
const BATCH_ITEMS = 100;
/** The end of a poll without one, where an item needs a value to be compared. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * @param options.retentionMs how long the poll is retained after its end; null retains it forever
 * @param options.announcesEnd whether `poll.ended` is published once the poll has ended
 * @returns false when a poll of that id exists
 */
export async function insertPoll(
  { client, name }: PollsTable,
  poll: Omit<PollRecord, 'removed_at' | 'visibility'>,
  options: { retentionMs: number | null; announcesEnd: boolean },
): Promise<boolean> {
  const { retentionMs, announcesEnd } = options;
  const timeToLive = timeToLiveOf(poll.expires_at, retentionMs);
  const ends_at = poll.expires_at ?? NEVER;
  const counts = Object.fromEntries(poll.options.map((_, index) => [`votes_${index}`, 0]));
  const counters = Array.from({ length: COUNTERS }, (_, number) =>
    put(name, { ...keyOfCounter(poll.id, number), ...counts, voters: 0, ends_at, ...timeToLive }),
  );
  const item = { ...keyOfPoll(poll.id), ...poll, person_id: poll.author_id, ...timeToLive };
  const endRecords =
    poll.expires_at === null || !announcesEnd
      ? []
      : [put(name, { ...keyOfEndRecord({ pollId: poll.id, endsAtMs: poll.expires_at }), ...timeToLive })];
  try {
    await client.send(
      new TransactWriteItemsCommand({ TransactItems: [put(name, item), ...counters, ...endRecords] }),
    );
    return true;
  } catch (failure) {
    if (!(failure instanceof TransactionCanceledException)) throw failure;
    if (!failure.CancellationReasons?.some(({ Code }) => Code === 'ConditionalCheckFailed')) throw failure;
    return false;
  }
}

const MAX_ITEMS = 10;

/**
 * The polls that a person has made, or voted in.
 *
 * @returns a page may be empty and not the last
 */
export async function listItemsOf(
  { client, name }: PollsTable,
  personId: string,
  { kind, cursor }: { kind: 'polls' | 'votes'; cursor: string | undefined },
): Promise<{ pollIds: string[]; nextCursor: string | undefined }> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new QueryCommand({
      TableName: name,
      IndexName: BY_PERSON,
      KeyConditionExpression: 'person_id = :person',
      ExpressionAttributeValues: marshall({ ':person': personId }),
      Limit: MAX_ITEMS,
      ...(cursor !== undefined && { ExclusiveStartKey: marshall(JSON.parse(cursor)) }),
    }),
  );
  const keys = Items.map((item) => unmarshall(item));
  return {
    pollIds: keys.flatMap(({ pk, sk }) => ((sk === 'POLL') === (kind === 'polls') ? [pollIdOf(pk)] : [])),
    nextCursor: LastEvaluatedKey && JSON.stringify(unmarshall(LastEvaluatedKey)),
  };
}

/** Every item of a poll has the same time to live, which DynamoDB reads in seconds since 1970. */
function timeToLiveOf(endsAtMs: number | null, retentionMs: number | null): { removed_at?: number } {
  if (retentionMs === null || endsAtMs === null) return {};
  return { removed_at: Math.floor((endsAtMs + retentionMs) / 1000) };
}

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
  const { id, author_id, question, options, multiple, hide_results_until_end, ...times } = unmarshall(item);
  const { created_at, expires_at, removed_at, visibility } = times;
  return {
    id,
    author_id,
    question,
    options,
    multiple,
    hide_results_until_end,
    created_at,
    expires_at,
    removed_at,
    visibility,
  };
}

/**
 * Records that a post shows a poll of its author. What a public post has shown stays public: its readers know it. No effect
 * on a poll that does not exist or is somebody else's.
 */
export async function showPoll(
  { client, name }: PollsTable,
  { id, authorId, visibility }: { id: string; authorId: string; visibility: PollVisibility },
): Promise<void> {
  const isUnset = visibility === 'public' ? '' : ' and attribute_not_exists(#visibility)';
  const command = new UpdateItemCommand({
    TableName: name,
    Key: marshall(keyOfPoll(id)),
    UpdateExpression: 'SET #visibility = :visibility',
    ConditionExpression: `author_id = :author${isUnset}`,
    ExpressionAttributeNames: { '#visibility': 'visibility' },
    ExpressionAttributeValues: marshall({ ':visibility': visibility, ':author': authorId }),
  });
  await client.send(command).catch((failure: unknown) => {
    if (!(failure instanceof ConditionalCheckFailedException)) throw failure;
  });
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
 * Counts a vote if the person has not voted and the poll is open. Both are decided by the database in one transaction, so
 * of concurrent votes of one person one counts. The choices are not stored with the person. The vote expires with its
 * poll: it carries the poll's own time to live, also when the retention setting has changed since.
 *
 * @param vote.choices indexes of the chosen options
 */
export async function countVote(
  { client, name }: PollsTable,
  vote: {
    poll: Pick<PollRecord, 'id' | 'removed_at'>;
    personId: string;
    choices: readonly number[];
    nowMs: number;
  },
): Promise<VoteOutcome> {
  const { poll, personId, choices, nowMs } = vote;
  const additions = ['voters', ...choices.map((choice) => `votes_${choice}`)];
  const counter: TransactWriteItem = {
    Update: {
      TableName: name,
      Key: marshall(keyOfCounter(poll.id, Math.floor(Math.random() * COUNTERS))),
      UpdateExpression: `ADD ${additions.map((column) => `${column} :one`).join(', ')}`,
      ConditionExpression: 'ends_at > :now',
      ExpressionAttributeValues: marshall({ ':one': 1, ':now': nowMs }),
    },
  };
  const ballot = put(name, {
    ...keyOfVote(poll.id, personId),
    person_id: personId,
    voted_at: nowMs,
    ...(poll.removed_at !== undefined && { removed_at: poll.removed_at }),
  });
  try {
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

/** The number of voters, and the votes of each option in the order of the options. */
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

/** Deletes the polls of a person, and their votes in polls of others, which stay counted. Idempotent. */
export async function erasePerson(table: PollsTable, personId: string): Promise<void> {
  const { client, name } = table;
  for (;;) {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: name,
        IndexName: BY_PERSON,
        KeyConditionExpression: 'person_id = :person',
        ExpressionAttributeValues: marshall({ ':person': personId }),
        Limit: BATCH_ITEMS,
      }),
    );
    if (Items.length === 0) return;
    for (const item of Items) {
      const key = unmarshall(item);
      if (key.sk === 'POLL') await deletePoll(table, String(key.pk));
      await deleteItem(table, key);
    }
  }
}

/** Deletes the counters and votes of a poll, after which nobody can vote. Its record goes last: by that it is found again. */
async function deletePoll(table: PollsTable, partitionKey: string): Promise<void> {
  const { client, name } = table;
  let start: Record<string, AttributeValue> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await client.send(
      new QueryCommand({
        TableName: name,
        KeyConditionExpression: 'pk = :poll',
        ExpressionAttributeValues: marshall({ ':poll': partitionKey }),
        ProjectionExpression: 'pk, sk',
        Limit: BATCH_ITEMS,
        ...(start && { ExclusiveStartKey: start }),
      }),
    );
    const others = Items.map((item) => unmarshall(item)).filter(({ sk }) => sk !== 'POLL');
    await Promise.all(others.map((key) => deleteItem(table, key)));
    start = LastEvaluatedKey;
  } while (start !== undefined);
}

async function deleteItem({ client, name }: PollsTable, { pk, sk }: Record<string, unknown>): Promise<void> {
  await client.send(new DeleteItemCommand({ TableName: name, Key: marshall({ pk, sk }) }));
}
