import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';

export const PollNotFound = defineProblem('poll.not-found', 404, 'There is no such poll');
export const PollClosed = defineProblem('poll.closed', 409, 'This poll has ended');
export const AlreadyVoted = defineProblem('poll.already-voted', 409, 'You have voted in this poll');
export const UnknownOption = defineProblem('poll.unknown-option', 422, 'This poll has no such option');
export const VoteNotAllowed = defineProblem('poll.vote-not-allowed', 403, 'You may not vote in this poll');
export const PollBusy = defineProblem('poll.busy', 503, 'Too many people vote in this poll at the moment');

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

/** Something to read: no control characters, not only blanks. */
const line = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$',
    error: `One to ${maxLength} characters on one line`,
  });

export const NewPoll = Type.Object({
  question: line(300),
  options: Type.Array(line(100), {
    minItems: 2,
    maxItems: 10,
    uniqueItems: true,
    error: 'Two to ten different options of at most 100 characters',
    examples: [['Tea', 'Coffee']],
  }),
  multiple: Type.Optional(Type.Boolean({ description: 'A person may choose several options' })),
  expires_in: Type.Optional(
    Type.Integer({
      minimum: MINUTE,
      maximum: 90 * DAY,
      description:
        'Seconds until it ends, and you and all who voted are told; without it the poll stays open',
    }),
  ),
  hide_results_until_end: Type.Optional(Type.Boolean()),
});
export type NewPoll = Static<typeof NewPoll>;

export const Vote = Type.Object({
  option: Type.Optional(Type.String({ maxLength: 100, examples: ['Tea'] })),
  options: Type.Optional(
    Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 10, uniqueItems: true }),
  ),
});
export type Vote = Static<typeof Vote>;

export const Poll = Type.Object({
  id: Type.String(),
  author_id: Type.Union([Type.String(), Type.Null()], { description: 'Null when the author has left' }),
  question: Type.String(),
  options: Type.Array(Type.String()),
  multiple: Type.Boolean(),
  hide_results_until_end: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' }),
  expires_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  closed: Type.Boolean(),
  voted_by_me: Type.Optional(Type.Boolean()),
});
export type Poll = Static<typeof Poll>;

export const Results = Type.Object({
  poll_id: Type.String(),
  closed: Type.Boolean(),
  hidden: Type.Boolean({ description: 'True while the results wait for the end of the poll' }),
  voters_count: Type.Integer(),
  options: Type.Array(
    Type.Object({
      option: Type.String(),
      votes: Type.Union([Type.Integer(), Type.Null()]),
      share: Type.Union([Type.Number(), Type.Null()], {
        description: 'Per cent of all choices; they add up to 100',
      }),
    }),
  ),
});
export type Results = Static<typeof Results>;
