import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { nullable } from '#kit/http/schemas';
import { text } from '#kit/text/schema';

export const PollNotFound = defineProblem('poll.not-found', 404, 'Poll not found');
export const PollClosed = defineProblem('poll.closed', 409, 'Poll closed');
export const AlreadyVoted = defineProblem('poll.already-voted', 409, 'Already voted');
export const UnknownOption = defineProblem('poll.unknown-option', 422, 'Unknown poll option');
export const VoteNotAllowed = defineProblem('poll.vote-not-allowed', 403, 'Vote not allowed');
export const PollBusy = defineProblem('poll.busy', 503, 'Too many concurrent votes');

const MINUTE_SECONDS = 60;
const DAY_SECONDS = 24 * 60 * MINUTE_SECONDS;

const MAX_QUESTION = 300;
const MAX_OPTION = 100;
/** What an option of `MAX_OPTION` graphemes may take, in decomposed form as well, in which it has three times as many. */
const MAX_OPTION_UNITS = 3 * 8 * MAX_OPTION;

/** A text of one line. */
const line = (max: number) => text({ max }, { pattern: '^[^\\n\\t\\u2028\\u2029]*$' });

export const NewPoll = Type.Object({
  question: line(MAX_QUESTION),
  options: Type.Array(line(MAX_OPTION), {
    minItems: 2,
    maxItems: 10,
    uniqueItems: true,
    error: 'Expected 2 to 10 distinct options of at most 100 characters',
    examples: [['Tea', 'Coffee']],
  }),
  multiple: Type.Optional(Type.Boolean({ description: 'Whether a person may choose several options' })),
  expires_in: Type.Optional(
    Type.Integer({
      minimum: MINUTE_SECONDS,
      maximum: 90 * DAY_SECONDS,
      description:
        'Seconds until the poll ends, which notifies its author and all voters; without it the poll stays open',
    }),
  ),
  hide_results_until_end: Type.Optional(Type.Boolean()),
});
export type NewPoll = Static<typeof NewPoll>;

/** With the white space around it, which makes no difference. */
const Choice = text({ max: 2 * MAX_OPTION, maxUnits: MAX_OPTION_UNITS }, { examples: ['Tea'] });
export const Vote = Type.Object({
  option: Type.Optional(Choice),
  options: Type.Optional(Type.Array(Choice, { minItems: 1, maxItems: 10, uniqueItems: true })),
});
export type Vote = Static<typeof Vote>;

export const Poll = Type.Object({
  id: Type.String(),
  author_id: nullable(Type.String(), { description: 'Null when the account of the author was deleted' }),
  question: Type.String(),
  options: Type.Array(Type.String()),
  multiple: Type.Boolean(),
  hide_results_until_end: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' }),
  expires_at: nullable(Type.String({ format: 'date-time' })),
  closed: Type.Boolean(),
  voted_by_me: Type.Optional(Type.Boolean()),
});
export type Poll = Static<typeof Poll>;

export const Results = Type.Object({
  poll_id: Type.String(),
  closed: Type.Boolean(),
  hidden: Type.Boolean({ description: 'Whether the results are hidden until the poll ends' }),
  voters_count: Type.Integer(),
  options: Type.Array(
    Type.Object({
      option: Type.String(),
      votes: nullable(Type.Integer()),
      share: nullable(Type.Number(), { description: 'Percentage of all choices; the shares add up to 100' }),
    }),
  ),
});
export type Results = Static<typeof Results>;
