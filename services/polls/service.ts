import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import type { Caller } from '#kit/auth/caller';
import { backOffMs, sleep } from '#kit/core/back-off';
import { isUuid, uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { ValidationFailed } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import {
  AlreadyVoted,
  type NewPoll,
  type Poll,
  PollBusy,
  PollClosed,
  PollNotFound,
  type Results,
  UnknownOption,
  type Vote,
  VoteNotAllowed,
} from './model';
import { haveTwins, sharesOf, tidyOptions } from './rules';
import * as store from './store';

export interface PollsDeps {
  readonly runtime: Runtime;
  readonly table: store.PollsTable;
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'checkRelationship'>;
  /** Milliseconds an ended poll is kept; null keeps it for ever. */
  readonly removeAfterEndMs: number | null;
  readonly now: () => number;
}

/** Votes that meet at one counter are tried again; with eight counters so many attempts all but never run out. */
const VOTE_ATTEMPTS = 20;

export async function createPoll(deps: PollsDeps, caller: Caller, input: NewPoll): Promise<Poll> {
  const options = tidyOptions(input.options);
  if (haveTwins(options))
    throw new ValidationFailed({ errors: [{ field: 'options', message: 'Two options are the same' }] });
  const now = deps.now();
  const poll: store.PollRecord = {
    id: uuidv7(),
    author_id: caller.id,
    question: input.question.trim(),
    options,
    multiple: input.multiple ?? false,
    hide_results_until_end: input.hide_results_until_end ?? false,
    created_at: now,
    expires_at: input.expires_in === undefined ? null : now + input.expires_in * 1000,
  };
  await store.insertPoll(deps.table, poll, deps.removeAfterEndMs);
  return viewOf(poll, now);
}

export async function readPoll(deps: PollsDeps, id: string, caller: Caller | null): Promise<Poll> {
  const poll = await mustFind(deps, id);
  const view = viewOf(poll, deps.now());
  if (caller === null) return view;
  return { ...view, voted_by_me: await store.hasVoted(deps.table, poll.id, caller.id) };
}

export async function vote(deps: PollsDeps, caller: Caller, id: string, input: Vote): Promise<Results> {
  const poll = await mustFind(deps, id);
  const choices = choicesOf(poll, input);
  if (isClosed(poll, deps.now())) throw new PollClosed();
  await mustBeOnTerms(deps, caller, poll);
  await count(deps, poll, caller, choices);
  return resultsOf(deps, poll);
}

export async function readResults(deps: PollsDeps, id: string): Promise<Results> {
  return resultsOf(deps, await mustFind(deps, id));
}

function choicesOf(poll: store.PollRecord, { option, options }: Vote): number[] {
  if ((option === undefined) === (options === undefined))
    throw new ValidationFailed({ errors: [{ field: 'option', message: 'Either option or options' }] });
  const chosen = tidyOptions(options ?? [option ?? '']);
  if (chosen.length > 1 && !poll.multiple)
    throw new ValidationFailed({ errors: [{ field: 'options', message: 'This poll takes one option' }] });
  const indexes = chosen.map((text) => poll.options.indexOf(text));
  if (indexes.includes(-1)) throw new UnknownOption();
  return [...new Set(indexes)];
}

/** Nobody votes in the poll of a person with whom there is a block, in either direction. */
async function mustBeOnTerms(deps: PollsDeps, caller: Caller, poll: store.PollRecord): Promise<void> {
  if (poll.author_id === null || poll.author_id === caller.id) return;
  const between = await deps.users.checkRelationship({ user_id: caller.id, other_id: poll.author_id });
  if (between.blocked_by_user || between.blocked_by_other) throw new VoteNotAllowed();
}

async function count(
  deps: PollsDeps,
  poll: store.PollRecord,
  caller: Caller,
  choices: readonly number[],
): Promise<void> {
  for (let attempt = 1; attempt <= VOTE_ATTEMPTS; attempt++) {
    const outcome = await store.countVote(deps.table, {
      pollId: poll.id,
      personId: caller.id,
      choices,
      nowMs: deps.now(),
    });
    if (outcome === 'counted') return;
    if (outcome === 'already-voted') throw new AlreadyVoted();
    if (outcome === 'closed') throw new PollClosed();
    await sleep(5 + backOffMs(attempt, { baseMs: 10, capMs: 200 }));
  }
  throw new PollBusy({ headers: { 'retry-after': '1' } });
}

async function resultsOf(deps: PollsDeps, poll: store.PollRecord): Promise<Results> {
  const closed = isClosed(poll, deps.now());
  const hidden = poll.hide_results_until_end && !closed;
  const { voters, votes } = await store.readCounts(deps.table, poll);
  const shares = sharesOf(votes);
  return {
    poll_id: poll.id,
    closed,
    hidden,
    voters_count: voters,
    options: poll.options.map((option, index) => ({
      option,
      votes: hidden ? null : (votes[index] ?? 0),
      share: hidden ? null : (shares[index] ?? 0),
    })),
  };
}

async function mustFind(deps: PollsDeps, id: string): Promise<store.PollRecord> {
  const poll = isUuid(id) ? await store.findPoll(deps.table, id) : undefined;
  if (poll === undefined) throw new PollNotFound();
  return poll;
}

const isClosed = (poll: store.PollRecord, now: number) => poll.expires_at !== null && poll.expires_at <= now;

const viewOf = (poll: store.PollRecord, now: number): Poll => ({
  ...poll,
  options: [...poll.options],
  created_at: new Date(poll.created_at).toISOString(),
  expires_at: poll.expires_at === null ? null : new Date(poll.expires_at).toISOString(),
  closed: isClosed(poll, now),
});
