import { Counter } from 'prom-client';
import { MOST_VOTERS, PollEnded } from '#contracts/events/polls';
import { envelope } from '#contracts/messages';
import { repeatEvery } from '#kit/core/repeat';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { currentTrace } from '#kit/tracing/context';
import * as endings from './endings-store';
import { ENDING_PARTITIONS, type Ending } from './keys';
import type { PollsDeps } from './service';
import { findPoll } from './store';

export interface EndingsDeps extends Pick<PollsDeps, 'runtime' | 'table' | 'now'> {
  readonly rabbit: Pick<Rabbit, 'connected' | 'publish'>;
}

const LOOK_EVERY_MS = 2_000;
/** Clocks of instances differ, and a vote that was let in may still be on its way to the database. */
const SETTLING_MS = 5_000;
/** Longer than it takes to tell a hundred voters; then another instance goes on. */
const HELD_MS = 15_000;
const PER_LOOK = 25;

/**
 * Has everybody who voted in a poll, and whoever asked, told that it has ended. An ending is written down with its poll
 * and forgotten only after RabbitMQ has confirmed the last message, so that no crash loses one. After a crash some may be
 * told of again, which those who are told by notifications do not notice.
 *
 * @returns looks at once
 */
export function tellOfEndings(deps: EndingsDeps): () => Promise<void> {
  const { runtime } = deps;
  const told = new Counter({
    name: 'polls_ended_total',
    help: 'Polls whose voters have been told that they have ended',
    registers: [runtime.metrics],
  });
  const failures = new Counter({
    name: 'polls_endings_failed_total',
    help: 'Attempts to tell that a poll has ended that failed, and are made again',
    registers: [runtime.metrics],
  });

  async function look(): Promise<void> {
    if (!deps.rabbit.connected) return;
    for (let partition = 0; partition < ENDING_PARTITIONS && !runtime.closing.aborted; partition++) {
      const nowMs = deps.now();
      const due = { partition, byMs: nowMs - SETTLING_MS, nowMs, limit: PER_LOOK };
      for (const ending of await endings.listDue(deps.table, due)) {
        try {
          if (await tellOfEnding(deps, ending)) told.inc();
        } catch (failure) {
          failures.inc();
          runtime.log.warn({ err: failure, poll: ending.pollId }, 'that a poll has ended is told later');
        }
      }
    }
  }

  repeatEvery(
    runtime,
    'telling of polls that have ended',
    { everyMs: LOOK_EVERY_MS, firstRun: 'later' },
    look,
  );
  return look;
}

/** @returns false when another instance is about it */
async function tellOfEnding(deps: EndingsDeps, ending: Ending): Promise<boolean> {
  const { table } = deps;
  const held = await endings.holdEnding(table, ending, { nowMs: deps.now(), untilMs: deps.now() + HELD_MS });
  if (held === undefined) return false;
  const poll = await findPoll(table, ending.pollId);
  let after = held.toldUpTo;
  while (poll !== undefined) {
    const voters = await endings.listVoters(table, ending.pollId, { after, limit: MOST_VOTERS });
    const isFirst = after === null;
    if (voters.length > 0 || isFirst) await publish(deps, ending, poll.author_id, voters);
    after = voters.at(-1) ?? null;
    if (after === null || voters.length < MOST_VOTERS) break;
    await endings.noteProgress(table, ending, { toldUpTo: after, heldUntilMs: deps.now() + HELD_MS });
  }
  await endings.forgetEnding(table, ending);
  return true;
}

async function publish(
  { rabbit }: EndingsDeps,
  { pollId, endsAtMs }: Ending,
  authorId: string | null,
  voterIds: readonly string[],
): Promise<void> {
  const data = {
    poll_id: pollId,
    author_id: authorId,
    voter_ids: [...voterIds],
    ended_at: new Date(endsAtMs).toISOString(),
  };
  const message = envelope(PollEnded, data, { ...currentTrace(), actor: null });
  await rabbit.publish(PollEnded, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
}
