import {
  type DeliverPostRequest,
  type PostSummary,
  TimelinesServiceDefinition,
} from '#contracts/gen/timelines/v1/timelines';
import { InvalidMessage, type MessageOf, parseEnvelope } from '#contracts/messages';
import { isTimeOrderedId, isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import { truncate } from '#kit/text/graphemes';
import type { TimelinesDeps } from './deps';
import { deliverPosts, type FanOut, type FanOutResult } from './feeds/fan-out';
import { NewPost } from './model';
import { applyEvent, DIRECT_EVENTS } from './people/replication';
import { openViewer } from './people/viewer';
import { createAcceptedPost } from './posts/accept';
import { type FoundPost, findVisible } from './posts/find';
import { originalIdOf } from './posts/reposts';

const MAX_IDS = 100;
const MAX_FOLLOWERS = 1_000;
/** More than one request of a user causes. */
const MAX_EVENTS = 10;
const MAX_DELIVERIES = 100;
/** As long as a notification shows. */
const EXCERPT_GRAPHEMES = 140;
/** An excerpt is part of a mail (`mail.requested`), which is bounded in code units. */
const EXCERPT_UNITS = 1_000;

/** The internal API of timelines, for workers and other services. */
export const timelinesGrpc = (deps: TimelinesDeps) =>
  grpcService(TimelinesServiceDefinition, {
    async createAcceptedPost(request) {
      const { id, author_id, username, accepted_at: _, ...body } = request;
      requireValid(isTimeOrderedId(id), 'id');
      requireValid(isUuid(author_id), 'author_id');
      const input = validated(NewPost, body);
      return { created: await createAcceptedPost(deps, { id: author_id, username }, id, input) };
    },
    async deliverPost(request) {
      const [result] = await deliverPosts(deps, [fanOutOf(request)]);
      return responseOf(result);
    },
    async deliverPosts({ deliveries }) {
      requireValid(deliveries.length <= MAX_DELIVERIES, 'deliveries');
      return { deliveries: (await deliverPosts(deps, deliveries.map(fanOutOf))).map(responseOf) };
    },
    async getPosts({ ids, viewer_id }) {
      requireValid(ids.length <= MAX_IDS, 'ids');
      requireValid(viewer_id === undefined || isUuid(viewer_id), 'viewer_id');
      const viewer = await openViewer(deps, viewer_id ?? null);
      const posts = await findVisible(deps, viewer, ids.filter(isTimeOrderedId));
      return { posts: posts.flatMap((post) => (post === undefined ? [] : summaryOf(post))) };
    },
    async applyUserEvents({ events }) {
      requireValid(events.length <= MAX_EVENTS, 'events');
      await Promise.all(events.map(parseEvent).map((event) => applyEvent(deps, event)));
      return {};
    },
  });

/** @throws ValidationFailed */
function parseEvent(bytes: Uint8Array): MessageOf<(typeof DIRECT_EVENTS)[number]> {
  try {
    return parseEnvelope(DIRECT_EVENTS, bytes);
  } catch (cause) {
    if (!(cause instanceof InvalidMessage)) throw cause;
    throw new ValidationFailed({ errors: [{ field: 'events', message: cause.message }], cause });
  }
}

function fanOutOf({ post_id, author_id, after_follower, limit }: DeliverPostRequest): FanOut {
  requireValid(isTimeOrderedId(post_id), 'post_id');
  requireValid(isUuid(author_id), 'author_id');
  requireValid(after_follower === undefined || isUuid(after_follower), 'after_follower');
  requireValid(limit >= 1 && limit <= MAX_FOLLOWERS, 'limit');
  return { postId: post_id, authorId: author_id, afterFollower: after_follower ?? null, limit };
}

const responseOf = (result: FanOutResult | undefined) => ({
  delivered: result?.delivered ?? 0,
  next_after_follower: result?.nextAfterFollower,
});

/** @throws ValidationFailed */
function requireValid(isValid: boolean, field: string): void {
  if (!isValid) throw new ValidationFailed({ errors: [{ field, message: 'Does not match the schema' }] });
}

const summaryOf = ({ post }: FoundPost): PostSummary => ({
  id: post.id,
  author_id: post.authorId,
  excerpt: truncate(post.text, EXCERPT_GRAPHEMES, EXCERPT_UNITS),
  original_id: post.isPlainRepost ? originalIdOf(post) : undefined,
});
