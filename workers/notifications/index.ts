import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { PaymentFailed, PaymentRefunded, PaymentSucceeded } from '#contracts/events/payments';
import { PollEnded } from '#contracts/events/polls';
import { PostCreated } from '#contracts/events/posts';
import { UserFollowed } from '#contracts/events/users';
import type { Notice, NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { GrpcClient } from '#kit/grpc-client';
import { parkWhenRefused } from '#kit/refusals';
import type { EventWorker } from '#kit/worker';
import { type NotifyingEvent, noticesOf } from './notices';
import { recordTogether } from './record-together';

const EVENTS = [
  PostCreated,
  PostLiked,
  LikeWithdrawn,
  UserFollowed,
  PollEnded,
  PaymentSucceeded,
  PaymentFailed,
  PaymentRefunded,
] as const;

export interface NotificationsWorkerDeps {
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'record'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
}

/** So many events may share one call, which is a transaction for each person they are about. */
const EVENTS_AT_ONCE = 200;

/** Turns events into people's notifications, which are recorded once however often an event comes. */
export function notificationsWorker(deps: NotificationsWorkerDeps): EventWorker<(typeof EVENTS)[number]> {
  const record = recordTogether(async (notices) => {
    await parkWhenRefused(deps.notifications.record({ notices: [...notices] }));
  });
  return {
    source: { consumer: 'notifications', events: EVENTS },
    concurrency: EVENTS_AT_ONCE,
    async handle(event) {
      const notices = await thoseWhoMaySee(deps, event, noticesOf(event));
      if (notices.length > 0) await record(notices);
    },
  };
}

/** Nobody is told of a post they may not read: whom it mentions need not follow its author. */
async function thoseWhoMaySee(
  deps: NotificationsWorkerDeps,
  event: NotifyingEvent,
  notices: readonly Notice[],
): Promise<Notice[]> {
  if (event.name !== 'post.created' || event.data.visibility === 'public') return [...notices];
  const ids = [event.data.id];
  const told: Notice[] = [];
  for (const notice of notices) {
    const { posts } = await parkWhenRefused(deps.timelines.getPosts({ ids, viewer_id: notice.user_id }));
    if (posts.length > 0) told.push(notice);
  }
  return told;
}
