import { Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';

/** Maximum number of voters per message. */
export const MAX_VOTERS = 100;

/**
 * A poll has ended, and its results are final. Published once per hundred voters, and once for a poll without votes. It does
 * not contain the votes.
 */
export const PollEnded = defineEvent({
  name: 'poll.ended',
  version: 1,
  exchange: 'polls',
  consumers: ['notifications'],
  data: Type.Object({
    poll_id: Uuid,
    /** Null when the author has been erased. */
    author_id: Type.Union([Uuid, Type.Null()]),
    voter_ids: Type.Array(Uuid, { maxItems: MAX_VOTERS }),
    ended_at: Timestamp,
  }),
});
