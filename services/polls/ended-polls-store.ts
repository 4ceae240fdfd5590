import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { PollsTable } from './deps';
import {
  type EndRecord,
  endPartition,
  endSortKeyBound,
  keyOfEndRecord,
  keyOfPoll,
  keyOfVote,
  parseEndRecord,
  VOTE_PREFIX,
} from './keys';

/** The end records up to a moment that nobody holds a lease on, oldest first. */
export async function listDue(
  { client, name }: PollsTable,
  due: { partition: number; byMs: number; nowMs: number; limit: number },
): Promise<EndRecord[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: name,
      KeyConditionExpression: 'pk = :partition AND sk < :bound',
      FilterExpression: 'attribute_not_exists(held_until) OR held_until < :now',
      ExpressionAttributeValues: marshall({
        ':partition': endPartition(due.partition),
        ':bound': endSortKeyBound(due.byMs),
        ':now': due.nowMs,
      }),
      Limit: due.limit,
    }),
  );
  return Items.map((item) => parseEndRecord(String(unmarshall(item).sk)));
}

/**
 * Acquires the lease on an end record.
 *
 * @returns the last voter published before, null for none; undefined when another instance holds the lease or is done
 */
export async function acquireLease(
  { client, name }: PollsTable,
  record: EndRecord,
  lease: { nowMs: number; expiresAtMs: number },
): Promise<{ lastVoterId: string | null } | undefined> {
  try {
    const { Attributes } = await client.send(
      new UpdateItemCommand({
        TableName: name,
        Key: marshall(keyOfEndRecord(record)),
        UpdateExpression: 'SET held_until = :until',
        ConditionExpression:
          'attribute_exists(pk) AND (attribute_not_exists(held_until) OR held_until < :now)',
        ExpressionAttributeValues: marshall({ ':until': lease.expiresAtMs, ':now': lease.nowMs }),
        ReturnValues: 'ALL_NEW',
      }),
    );
    return { lastVoterId: Attributes === undefined ? null : (unmarshall(Attributes).told_up_to ?? null) };
  } catch (failure) {
    if (failure instanceof ConditionalCheckFailedException) return undefined;
    throw failure;
  }
}

/** Stores the last published voter, from which another instance continues after a crash, and renews the lease. */
export async function saveProgress(
  { client, name }: PollsTable,
  record: EndRecord,
  progress: { lastVoterId: string; expiresAtMs: number },
): Promise<void> {
  await client.send(
    new UpdateItemCommand({
      TableName: name,
      Key: marshall(keyOfEndRecord(record)),
      UpdateExpression: 'SET told_up_to = :voter, held_until = :until',
      // Another instance may have taken over and finished.
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: marshall({
        ':voter': progress.lastVoterId,
        ':until': progress.expiresAtMs,
      }),
    }),
  );
}

export async function deleteEndRecord({ client, name }: PollsTable, record: EndRecord): Promise<void> {
  await client.send(new DeleteItemCommand({ TableName: name, Key: marshall(keyOfEndRecord(record)) }));
}

/** The next voters of a poll in the order of their ids. Their choices are not stored. */
export async function listVoters(
  { client, name }: PollsTable,
  pollId: string,
  page: { after: string | null; limit: number },
): Promise<string[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: name,
      KeyConditionExpression: 'pk = :poll AND begins_with(sk, :votes)',
      ExpressionAttributeValues: marshall({ ':poll': keyOfPoll(pollId).pk, ':votes': VOTE_PREFIX }),
      ProjectionExpression: 'person_id',
      ConsistentRead: true,
      Limit: page.limit,
      ...(page.after !== null && { ExclusiveStartKey: marshall(keyOfVote(pollId, page.after)) }),
    }),
  );
  return Items.map((item) => String(unmarshall(item).person_id));
}
