import type { Registry } from 'prom-client';
import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { PaymentFailed, PaymentRefunded, PaymentSucceeded } from '#contracts/events/payments';
import { PollEnded } from '#contracts/events/polls';
import { PostCreated } from '#contracts/events/posts';
import {
  UserDeleted,
  UserFollowed,
  UserFollowRequestClosed,
  UserFollowRequested,
} from '#contracts/events/users';
import type { Notice, NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { createWorkQueue } from '#kit/core/queues/work-queue';
import type { GrpcClient } from '#kit/grpc/client';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { EventWorker } from '#kit/worker';
import { batchNotices } from './batch-notices';
import { type NotifyingEvent, noticesOf } from './notices';

const EVENTS = [
  PostCreated,
  PostLiked,
  LikeWithdrawn,
  UserFollowed,
  UserFollowRequested,
  UserFollowRequestClosed,
  PollEnded,
  PaymentSucceeded,
  PaymentFailed,
  PaymentRefunded,
  UserDeleted,
] as const;

export interface NotificationsWorkerDeps {
  readonly metrics: Registry;
  readonly notifications: Pick<GrpcClient<NotificationsServiceDefinition>, 'record'>;
  readonly timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>;
}

/** Events handled concurrently may share one call, which is one transaction per recipient. */
const MAX_EVENTS = 200;
/** Concurrent visibility checks of followers-only posts, each of which calls timelines for every recipient. */
const MAX_CHECKS = 10;

/** Turns events into notices, which the notifications service records idempotently. */
export function notificationsWorker(deps: NotificationsWorkerDeps): EventWorker<(typeof EVENTS)[number]> {
  const checks = createWorkQueue({
    name: 'visibility checks',
    metrics: deps.metrics,
    limits: { concurrent: MAX_CHECKS, waiting: MAX_EVENTS },
  });
  const record = batchNotices(async (notices) => {
    await parkClientErrors(deps.notifications.record({ notices: [...notices] }));
  });
  return {
    source: { consumer: 'notifications', events: EVENTS },
    concurrency: MAX_EVENTS,
    async handle(event) {
      // What is parked is erased by the consumer.
      if (event.name === 'user.deleted') return;
      const all = noticesOf(event);
      const postId = restrictedPostIn(event);
      const notices = postId === undefined ? all : await checks.run(() => keepVisible(deps, postId, all));
      if (notices.length > 0) await record(notices);
    },
  };
}

const restrictedPostIn = (event: NotifyingEvent): string | undefined =>
  event.name === 'post.created' && event.data.visibility !== 'public' ? event.data.id : undefined;

/** Drops notices for recipients who may not read the post: mentioned people need not follow its author. */
async function keepVisible(
  deps: NotificationsWorkerDeps,
  postId: string,
  notices: readonly Notice[],
): Promise<Notice[]> {
  const visible: Notice[] = [];
  for (const notice of notices) {
    const request = { ids: [postId], viewer_id: notice.user_id };
    const { posts } = await parkClientErrors(deps.timelines.getPosts(request));
    if (posts.length > 0) visible.push(notice);
  }
  return visible;
}
