import { Counter } from 'prom-client';
import { MAX_VOTERS, PollEnded } from '#contracts/events/polls';
import { envelope } from '#contracts/messages';
import { repeatEvery } from '#kit/core/repeat';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { currentTrace } from '#kit/tracing/context';
import type { PollsDeps } from './deps';
import * as store from './ended-polls-store';
import { END_PARTITIONS, type EndRecord } from './keys';
import { findPoll } from './store';

type EndedPollsDeps = Pick<PollsDeps, 'runtime' | 'table' | 'now'>;
type Publisher = Pick<Rabbit, 'connected' | 'publish'>;

/** As long as the grace: a query per partition is not worth more. */
const POLL_EVERY_MS = 5_000;
/** Clocks of instances differ, and a vote accepted before the end may still be in flight to the database. */
const GRACE_MS = 5_000;
/** Longer than it takes to publish for a hundred voters; after that another instance takes over. */
const LEASE_MS = 15_000;
const BATCH_RECORDS = 25;

/**
 * Publishes `poll.ended` for the author and the voters of every ended poll. An end record is written with its poll and
 * deleted only after RabbitMQ has confirmed the last event, so that no crash loses one. Delivery is at least once:
 * notifications deduplicates.
 *
 * @returns publishes what is due now, for tests
 */
export function publishEndedPolls(deps: EndedPollsDeps, rabbit: Publisher): () => Promise<void> {
  const { runtime } = deps;
  const published = new Counter({
    name: 'polls_ended_total',
    help: 'Ended polls whose poll.ended events were published',
    registers: [runtime.metrics],
  });
  const failures = new Counter({
    name: 'polls_endings_failed_total',
    help: 'Failed attempts to publish the poll.ended events of a poll; they are retried',
    registers: [runtime.metrics],
  });

  async function publishDue(): Promise<void> {
    if (!rabbit.connected) return;
    for (let partition = 0; partition < END_PARTITIONS && !runtime.closing.aborted; partition++) {
      const nowMs = deps.now();
      const due = { partition, byMs: nowMs - GRACE_MS, nowMs, limit: BATCH_RECORDS };
      for (const record of await store.listDue(deps.table, due)) {
        try {
          if (await publishEndedPoll(deps, rabbit, record)) published.inc();
        } catch (failure) {
          failures.inc();
          runtime.log.warn(
            { err: failure, poll: record.pollId },
            'publishing poll.ended failed; retrying later',
          );
        }
      }
    }
  }

  repeatEvery(runtime, 'publishing poll.ended', { everyMs: POLL_EVERY_MS, firstRun: 'later' }, publishDue);
  return publishDue;
}

/** @returns false when another instance holds the lease */
async function publishEndedPoll(
  { table, now }: EndedPollsDeps,
  rabbit: Publisher,
  record: EndRecord,
): Promise<boolean> {
  const lease = await store.acquireLease(table, record, { nowMs: now(), expiresAtMs: now() + LEASE_MS });
  if (lease === undefined) return false;
  const poll = await findPoll(table, record.pollId);
  let after = lease.lastVoterId;
  while (poll !== undefined) {
    const voters = await store.listVoters(table, record.pollId, { after, limit: MAX_VOTERS });
    const isFirst = after === null;
    if (voters.length > 0 || isFirst) await publish(rabbit, record, poll.author_id, voters);
    after = voters.at(-1) ?? null;
    if (after === null || voters.length < MAX_VOTERS) break;
    await store.saveProgress(table, record, { lastVoterId: after, expiresAtMs: now() + LEASE_MS });
  }
  await store.deleteEndRecord(table, record);
  return true;
}

async function publish(
  rabbit: Publisher,
  { pollId, endsAtMs }: EndRecord,
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
