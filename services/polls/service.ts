import type { Caller } from '#kit/auth/caller';
import { backOffMs, sleep } from '#kit/core/back-off';
import { isUuid, uuidv7 } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import type { PollsDeps } from './deps';
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
import { hasDuplicates, optionKey, sharesOf } from './rules';
import * as store from './store';

/** Votes that contend for one counter are retried; with eight counters this many attempts practically never run out. */
const MAX_VOTE_ATTEMPTS = 20;

export async function createPoll(deps: PollsDeps, caller: Caller, input: NewPoll): Promise<Poll> {
  const texts = input.options.map((option) => option.trim());
  if (hasDuplicates(texts))
    throw new ValidationFailed({ errors: [{ field: 'options', message: 'Expected distinct options' }] });
  const nowMs = deps.now();
  const poll = {
    id: uuidv7(),
    author_id: caller.id,
    question: input.question.trim(),
    options: texts,
    multiple: input.multiple ?? false,
    hide_results_until_end: input.hide_results_until_end ?? false,
    created_at: nowMs,
    expires_at: input.expires_in === undefined ? null : nowMs + input.expires_in * 1000,
  };
  const options = { retentionMs: deps.retentionMs, announcesEnd: true };
  if (!(await store.insertPoll(deps.table, poll, options))) throw new Error('a new id was taken');
  return viewOf(poll, nowMs);
}

export async function readPoll(deps: PollsDeps, caller: Caller | null, id: string): Promise<Poll> {
  const poll = await requireReadablePoll(deps, caller, id);
  const view = viewOf(poll, deps.now());
  if (caller === null) return view;
  return { ...view, voted_by_me: await store.hasVoted(deps.table, poll.id, caller.id) };
}

export async function vote(deps: PollsDeps, caller: Caller, id: string, input: Vote): Promise<Results> {
  const poll = await requireReadablePoll(deps, caller, id);
  const choices = choicesOf(poll, input);
  if (isClosed(poll, deps.now())) throw new PollClosed();
  await requireNoBlock(deps, caller, poll);
  await castVote(deps, caller, poll, choices);
  return resultsOf(deps, poll);
}

export async function readResults(deps: PollsDeps, caller: Caller | null, id: string): Promise<Results> {
  return resultsOf(deps, await requireReadablePoll(deps, caller, id));
}

function choicesOf(poll: store.PollRecord, { option, options }: Vote): number[] {
  if ((option === undefined) === (options === undefined))
    throw new ValidationFailed({
      errors: [{ field: 'option', message: 'Expected either option or options' }],
    });
  const chosen = [...new Set((options ?? [option ?? '']).map(optionKey))];
  if (chosen.length > 1 && !poll.multiple)
    throw new ValidationFailed({ errors: [{ field: 'options', message: 'Expected a single option' }] });
  const keys = poll.options.map(optionKey);
  const indexes = chosen.map((key) => keys.indexOf(key));
  if (indexes.includes(-1)) throw new UnknownOption();
  return indexes;
}

/** @throws VoteNotAllowed when there is a block between voter and author, in either direction */
async function requireNoBlock(deps: PollsDeps, caller: Caller, poll: store.PollRecord): Promise<void> {
  if (poll.author_id === null || poll.author_id === caller.id) return;
  const relationship = await deps.users.checkRelationship({ user_id: caller.id, other_id: poll.author_id });
  if (relationship.blocked_by_user || relationship.blocked_by_other) throw new VoteNotAllowed();
}

/** @throws AlreadyVoted, PollClosed, PollBusy */
async function castVote(
  deps: PollsDeps,
  caller: Caller,
  poll: store.PollRecord,
  choices: readonly number[],
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_VOTE_ATTEMPTS; attempt++) {
    const ballot = { poll, personId: caller.id, choices, nowMs: deps.now() };
    const outcome = await store.countVote(deps.table, ballot);
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

/**
 * A poll that only followers-only posts show is for those who may read them: to everybody else it does not exist.
 *
 * @throws PollNotFound; DependencyUnavailable where users cannot say who follows
 */
async function requireReadablePoll(
  deps: PollsDeps,
  caller: Caller | null,
  id: string,
): Promise<store.PollRecord> {
  const poll = isUuid(id) ? await store.findPoll(deps.table, id) : undefined;
  if (poll === undefined || !(await mayRead(deps, caller, poll))) throw new PollNotFound();
  return poll;
}

async function mayRead(deps: PollsDeps, caller: Caller | null, poll: store.PollRecord): Promise<boolean> {
  if (poll.visibility !== 'followers' || poll.author_id === null) return true;
  if (caller === null) return false;
  if (caller.id === poll.author_id) return true;
  const relationship = await deps.users.checkRelationship({ user_id: caller.id, other_id: poll.author_id });
  return relationship.user_follows_other && !relationship.blocked_by_user && !relationship.blocked_by_other;
}

const isClosed = (poll: store.PollRecord, nowMs: number) =>
  poll.expires_at !== null && poll.expires_at <= nowMs;

const viewOf = ({ removed_at: _, visibility: __, ...poll }: store.PollRecord, nowMs: number): Poll => ({
  ...poll,
  options: [...poll.options],
  created_at: new Date(poll.created_at).toISOString(),
  expires_at: poll.expires_at === null ? null : new Date(poll.expires_at).toISOString(),
  closed: isClosed(poll, nowMs),
});
