import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { PaymentFailed, PaymentRefunded, PaymentSucceeded } from '#contracts/events/payments';
import { PollEnded } from '#contracts/events/polls';
import { PostCreated } from '#contracts/events/posts';
import { UserFollowed } from '#contracts/events/users';
import type { Notice, NotificationsServiceDefinition } from '#contracts/gen/notifications/v1/notifications';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { limitConcurrency } from '#kit/core/concurrency-limit';
import type { GrpcClient } from '#kit/grpc/client';
import { parkWhenRefused } from '#kit/messaging/refusals';
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
/** Posts that not everybody may read, and of which timelines is asked for each person. */
const LOOKS_AT_ONCE = 10;

/** Turns events into people's notifications, which are recorded once however often an event comes. */
export function notificationsWorker(deps: NotificationsWorkerDeps): EventWorker<(typeof EVENTS)[number]> {
  const inTurn = limitConcurrency({ concurrent: LOOKS_AT_ONCE, waiting: EVENTS_AT_ONCE });
  const record = recordTogether(async (notices) => {
    await parkWhenRefused(deps.notifications.record({ notices: [...notices] }));
  });
  return {
    source: { consumer: 'notifications', events: EVENTS },
    concurrency: EVENTS_AT_ONCE,
    async handle(event) {
      const all = noticesOf(event);
      const postId = postNotForAll(event);
      const notices = postId === undefined ? all : await inTurn(() => thoseWhoMaySee(deps, postId, all));
      if (notices.length > 0) await record(notices);
    },
  };
}

const postNotForAll = (event: NotifyingEvent): string | undefined =>
  event.name === 'post.created' && event.data.visibility !== 'public' ? event.data.id : undefined;

/** Nobody is told of a post they may not read: whom it mentions need not follow its author. */
async function thoseWhoMaySee(
  deps: NotificationsWorkerDeps,
  postId: string,
  notices: readonly Notice[],
): Promise<Notice[]> {
  const told: Notice[] = [];
  for (const notice of notices) {
    const asked = { ids: [postId], viewer_id: notice.user_id };
    const { posts } = await parkWhenRefused(deps.timelines.getPosts(asked));
    if (posts.length > 0) told.push(notice);
  }
  return told;
}
