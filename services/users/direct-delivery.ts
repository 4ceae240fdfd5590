import {
  UserBlocked,
  UserFollowed,
  UserMuted,
  UserUnblocked,
  UserUnfollowed,
  UserUnmuted,
  UserUpdated,
} from '#contracts/events/users';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';
import type { OutboxEntry } from '#kit/messaging/outbox';

/** A request waits no longer for other services to see its effect. */
const DEADLINE_MS = 300;
/** As many consecutive failures eject an instance (`kit/resilience`). From then on requests do not wait for timelines. */
const CONSECUTIVE_FAILURES = 5;
/** The others are only delivered: nobody looks at once after a registration, and an erasure takes its time. */
const SENT: ReadonlySet<string> = new Set(
  [UserUpdated, UserFollowed, UserUnfollowed, UserBlocked, UserUnblocked, UserMuted, UserUnmuted].map(
    ({ name }) => name,
  ),
);

/** Sends committed events to timelines directly. Never throws. */
export type DeliverDirectly = (events: readonly OutboxEntry[]) => Promise<void>;

/**
 * Users see the effect of what they do at once: the events of a request are applied by timelines before its response. Best
 * effort: the outbox delivers the same events later. While timelines does not respond, one event at a time is sent without
 * waiting for it, until one succeeds.
 */
export function createDirectDelivery(
  runtime: Runtime,
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'applyUserEvents'>,
): DeliverDirectly {
  let failures = 0;
  let isProbing = false;

  async function send(events: readonly OutboxEntry[]): Promise<void> {
    const request = { events: events.map(({ payload }) => Buffer.from(payload)) };
    try {
      await timelines.applyUserEvents(request, { deadlineMs: DEADLINE_MS });
      failures = 0;
    } catch (failure) {
      failures++;
      if (failures <= CONSECUTIVE_FAILURES)
        runtime.log.warn(
          { err: failure },
          'Could not send events to timelines directly; the outbox delivers them',
        );
    }
  }

  async function probe(events: readonly OutboxEntry[]): Promise<void> {
    if (isProbing) return;
    isProbing = true;
    await send(events);
    isProbing = false;
  }

  return async (entries) => {
    const events = entries.filter(({ name }) => SENT.has(name));
    if (events.length === 0) return;
    if (failures < CONSECUTIVE_FAILURES) await send(events);
    else void probe(events);
  };
}
