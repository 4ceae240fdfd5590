import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { PaymentFailed, PaymentRefunded, PaymentSucceeded } from '#contracts/events/payments';
import { PostCreated } from '#contracts/events/posts';
import { UserFollowed } from '#contracts/events/users';
import type { Notice, NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { GrpcClient } from '#kit/grpc-client';
import { parkWhenRefused } from '#kit/refusals';
import type { EventWorker } from '#kit/worker';
import { type NotifyingEvent, noticesOf } from './notices';

const EVENTS = [
  PostCreated,
  PostLiked,
  LikeWithdrawn,
  UserFollowed,
  PaymentSucceeded,
  PaymentFailed,
  PaymentRefunded,
] as const;

export interface NotificationsWorkerDeps {
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'record'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
}

/** Turns events into people's notifications, which are recorded once however often an event comes. */
export const notificationsWorker = (deps: NotificationsWorkerDeps): EventWorker<(typeof EVENTS)[number]> => ({
  source: { consumer: 'notifications', events: EVENTS },
  concurrency: 10,
  async handle(event, context) {
    const notices = await thoseWhoMaySee(deps, event, noticesOf(event));
    if (notices.length === 0) return;
    const { recorded } = await parkWhenRefused(deps.notifications.record({ notices }));
    context.log.debug({ notices: notices.length, recorded }, 'had people told');
  },
});

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
