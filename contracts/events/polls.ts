import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';

/** Voters one message names. */
export const MOST_VOTERS = 100;

/**
 * A poll has come to its end, and its results stand. Published once for every hundred of its voters, and once where
 * nobody has voted; nothing in it says what they chose.
 */
export const PollEnded = defineEvent({
  name: 'poll.ended',
  version: 1,
  exchange: 'polls',
  consumers: ['notifications'],
  data: Type.Object({
    poll_id: Uuid,
    /** Null when the author has left. */
    author_id: Type.Union([Uuid, Type.Null()]),
    voter_ids: Type.Array(Uuid, { maxItems: MOST_VOTERS }),
    ended_at: Timestamp,
  }),
});
