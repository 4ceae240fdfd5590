import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import {
  type ExportedPage,
  IdTaken,
  type ImportedRecord,
  pastTime,
  portabilityGrpc,
} from '#kit/grpc/portability';
import { nullable } from '#kit/http/schemas';
import type { PollsDeps } from './deps';
import { NewPoll } from './model';
import { hasDuplicates } from './rules';
import { findPoll, insertPoll, listItemsOf, readCounts } from './store';

type PortabilityDeps = Pick<PollsDeps, 'table' | 'retentionMs' | 'now'>;

const { question, options } = NewPoll.properties;
const PollRecord = Type.Object({
  id: Uuid,
  question,
  options,
  multiple: Type.Boolean(),
  hide_results_until_end: Type.Boolean(),
  created_at: Timestamp,
  expires_at: nullable(Timestamp),
});
/** As for a new poll. */
const MAX_DURATION_MS = 90 * 24 * 60 * 60 * 1_000;

/** The data of people in this service. Votes belong to the polls of others, and a poll is imported without any. */
export const pollsPortability = (deps: PortabilityDeps) =>
  portabilityGrpc([
    {
      name: 'polls',
      exportPage: (userId, cursor) => exportPolls(deps, userId, cursor),
      importRecord: (record) => importPoll(deps, record),
    },
    { name: 'votes', exportPage: (userId, cursor) => exportVotes(deps, userId, cursor) },
  ]);

async function exportPolls(
  { table }: PortabilityDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const { pollIds, nextCursor } = await listItemsOf(table, userId, { kind: 'polls', cursor });
  const records: { data: object }[] = [];
  for (const id of pollIds) {
    const poll = await findPoll(table, id);
    if (poll?.author_id !== userId) continue;
    const { voters, votes } = await readCounts(table, poll);
    records.push({
      data: {
        id,
        question: poll.question,
        options: poll.options,
        multiple: poll.multiple,
        hide_results_until_end: poll.hide_results_until_end,
        created_at: new Date(poll.created_at).toISOString(),
        expires_at: poll.expires_at === null ? null : new Date(poll.expires_at).toISOString(),
        voters_count: voters,
        votes,
      },
    });
  }
  return { records, nextCursor };
}

/** In which polls a person has voted: what they chose is not stored. */
async function exportVotes(
  { table }: PortabilityDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const { pollIds, nextCursor } = await listItemsOf(table, userId, { kind: 'votes', cursor });
  return { records: pollIds.map((id) => ({ data: { poll_id: id } })), nextCursor };
}

async function importPoll(
  { table, retentionMs, now }: PortabilityDeps,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const record = validated(PollRecord, data);
  const createdAt = pastTime(record.created_at).getTime();
  const expiresAt = record.expires_at === null ? null : new Date(record.expires_at).getTime();
  const durationMs = expiresAt === null ? 0 : expiresAt - createdAt;
  if (hasDuplicates(record.options) || !(durationMs >= 0 && durationMs <= MAX_DURATION_MS))
    throw new ValidationFailed();
  const poll = {
    id: record.id,
    author_id: userId,
    question: record.question.trim(),
    options: record.options.map((option) => option.trim()),
    multiple: record.multiple,
    hide_results_until_end: record.hide_results_until_end,
    created_at: createdAt,
    expires_at: expiresAt,
  };
  // The end of a poll that has ended was notified then.
  const announcesEnd = expiresAt !== null && expiresAt > now();
  if (await insertPoll(table, poll, { retentionMs, announcesEnd })) return 'imported';
  if ((await findPoll(table, record.id))?.author_id !== userId) throw new IdTaken();
  return 'exists';
}
