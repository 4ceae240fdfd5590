/**
 * The keys of the single table. A poll, its counters and its votes share a partition. Polls with an end have an end
 * record in one of a few partitions of their own, ordered by when they end.
 */
export const keyOfPoll = (id: string) => ({ pk: `POLL#${id}`, sk: 'POLL' });

/** @param partitionKey of a poll, its counters or its votes */
export const pollIdOf = (partitionKey: string): string => partitionKey.slice('POLL#'.length);

export const keyOfCounter = (id: string, number: number) => ({ pk: `POLL#${id}`, sk: `COUNTER#${number}` });

/** The prefix of the sort keys of a poll's votes. */
export const VOTE_PREFIX = 'VOTE#';
export const keyOfVote = (id: string, personId: string) => ({
  pk: `POLL#${id}`,
  sk: `${VOTE_PREFIX}${personId}`,
});

/** A poll with an end whose `poll.ended` has not been published completely. */
export interface EndRecord {
  readonly pollId: string;
  /** Milliseconds since 1970. */
  readonly endsAtMs: number;
}

/** One partition takes 1,000 writes per second: eight times as many polls with an end can be created. */
export const END_PARTITIONS = 8;
/** Until the year 2286 milliseconds have 13 digits, so that their order as texts is that of the numbers. */
const DIGITS = 13;

export const endPartition = (number: number) => `ENDING#${number}`;

/** An upper bound of the sort keys of all ends up to a moment. */
export const endSortKeyBound = (ms: number) => String(ms + 1).padStart(DIGITS, '0');

export const keyOfEndRecord = ({ pollId, endsAtMs }: EndRecord) => ({
  pk: endPartition(Bun.hash.crc32(pollId) % END_PARTITIONS),
  sk: `${String(endsAtMs).padStart(DIGITS, '0')}#${pollId}`,
});

/** @param sortKey of `keyOfEndRecord` */
export function parseEndRecord(sortKey: string): EndRecord {
  const [endsAt = '', pollId = ''] = sortKey.split('#');
  return { pollId, endsAtMs: Number(endsAt) };
}
