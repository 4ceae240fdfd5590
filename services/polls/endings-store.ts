import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import {
  behindEndings,
  type Ending,
  keyOfEnding,
  keyOfPoll,
  keyOfVote,
  partitionOfEndings,
  readEnding,
  VOTES_PREFIX,
} from './keys';
import type { PollsTable } from './store';

/** Ends that have come by a moment and nobody holds, the oldest first. */
export async function listDue(
  { client, name }: PollsTable,
  due: { partition: number; byMs: number; nowMs: number; limit: number },
): Promise<Ending[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: name,
      KeyConditionExpression: 'pk = :partition AND sk < :behind',
      FilterExpression: 'attribute_not_exists(held_until) OR held_until < :now',
      ExpressionAttributeValues: marshall({
        ':partition': partitionOfEndings(due.partition),
        ':behind': behindEndings(due.byMs),
        ':now': due.nowMs,
      }),
      Limit: due.limit,
    }),
  );
  return Items.map((item) => readEnding(String(unmarshall(item).sk)));
}

/**
 * Takes an ending for itself until a moment.
 *
 * @returns the voter up to whom all have been told, null for the beginning; undefined when another has it, or is done
 */
export async function holdEnding(
  { client, name }: PollsTable,
  ending: Ending,
  hold: { nowMs: number; untilMs: number },
): Promise<{ toldUpTo: string | null } | undefined> {
  try {
    const { Attributes } = await client.send(
      new UpdateItemCommand({
        TableName: name,
        Key: marshall(keyOfEnding(ending)),
        UpdateExpression: 'SET held_until = :until',
        ConditionExpression:
          'attribute_exists(pk) AND (attribute_not_exists(held_until) OR held_until < :now)',
        ExpressionAttributeValues: marshall({ ':until': hold.untilMs, ':now': hold.nowMs }),
        ReturnValues: 'ALL_NEW',
      }),
    );
    return { toldUpTo: Attributes === undefined ? null : (unmarshall(Attributes).told_up_to ?? null) };
  } catch (failure) {
    if (failure instanceof ConditionalCheckFailedException) return undefined;
    throw failure;
  }
}

/** Writes down how far it has come, so that whoever goes on after a crash goes on from there. */
export async function noteProgress(
  { client, name }: PollsTable,
  ending: Ending,
  progress: { toldUpTo: string; heldUntilMs: number },
): Promise<void> {
  await client.send(
    new UpdateItemCommand({
      TableName: name,
      Key: marshall(keyOfEnding(ending)),
      UpdateExpression: 'SET told_up_to = :voter, held_until = :until',
      // Another may have held it meanwhile and come to its end.
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: marshall({ ':voter': progress.toldUpTo, ':until': progress.heldUntilMs }),
    }),
  );
}

/** Everybody has been told. */
export async function forgetEnding({ client, name }: PollsTable, ending: Ending): Promise<void> {
  await client.send(new DeleteItemCommand({ TableName: name, Key: marshall(keyOfEnding(ending)) }));
}

/** People who voted, in the order of their ids, behind one of them; not what they chose, which nobody knows. */
export async function listVoters(
  { client, name }: PollsTable,
  pollId: string,
  page: { after: string | null; limit: number },
): Promise<string[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: name,
      KeyConditionExpression: 'pk = :poll AND begins_with(sk, :votes)',
      ExpressionAttributeValues: marshall({ ':poll': keyOfPoll(pollId).pk, ':votes': VOTES_PREFIX }),
      ProjectionExpression: 'person_id',
      ConsistentRead: true,
      Limit: page.limit,
      ...(page.after !== null && { ExclusiveStartKey: marshall(keyOfVote(pollId, page.after)) }),
    }),
  );
  return Items.map((item) => String(unmarshall(item).person_id));
}
