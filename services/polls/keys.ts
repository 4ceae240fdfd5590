/**
 * Where things stand in the one table: a poll, its counters and its votes share a partition, and those who end lie in
 * partitions of their own, in the order in which they do.
 */
export const keyOfPoll = (id: string) => ({ pk: `POLL#${id}`, sk: 'POLL' });

export const keyOfCounter = (id: string, number: number) => ({ pk: `POLL#${id}`, sk: `COUNTER#${number}` });

const VOTE = 'VOTE#';
export const keyOfVote = (id: string, personId: string) => ({ pk: `POLL#${id}`, sk: `${VOTE}${personId}` });
/** What the sort keys of a poll's votes begin with. */
export const VOTES_PREFIX = VOTE;

/** A poll with an end, as long as not everybody has been told that it has come. */
export interface Ending {
  readonly pollId: string;
  /** Milliseconds since 1970. */
  readonly endsAtMs: number;
}

/** One partition takes a thousand writes a second: so many polls could begin at once, eight times over. */
export const ENDING_PARTITIONS = 8;
/** Milliseconds of the year 2286 have more: up to then they order as texts like the numbers. */
const DIGITS = 13;

export const partitionOfEndings = (number: number) => `ENDING#${number}`;

/** What the sort keys of all ends up to a moment come before. */
export const behindEndings = (ms: number) => String(ms + 1).padStart(DIGITS, '0');

export const keyOfEnding = ({ pollId, endsAtMs }: Ending) => ({
  pk: partitionOfEndings(Bun.hash.crc32(pollId) % ENDING_PARTITIONS),
  sk: `${String(endsAtMs).padStart(DIGITS, '0')}#${pollId}`,
});

/** @param sortKey of `keyOfEnding` */
export function readEnding(sortKey: string): Ending {
  const [endsAt = '', pollId = ''] = sortKey.split('#');
  return { pollId, endsAtMs: Number(endsAt) };
}
