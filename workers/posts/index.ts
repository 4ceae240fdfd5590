import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { PostCreate } from '#contracts/jobs/posts';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { parkClientErrors } from '#kit/messaging/refusals';
import type { JobWorker } from '#kit/worker';

/** Creates the posts accepted by `POST /posts/async`, under the ids assigned then. */
export const postsWorker = (deps: {
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'createAcceptedPost'>;
}): JobWorker<typeof PostCreate> => ({
  source: { jobs: [PostCreate] },
  concurrency: 8,
  async handle({ data }, context) {
    const creating = deps.timelines.createAcceptedPost({
      id: data.id,
      author_id: data.author_id,
      username: data.username,
      text: data.text,
      reply_to: data.reply_to ?? undefined,
      repost_of: data.repost_of ?? undefined,
      media_ids: data.media_ids,
      poll_id: data.poll_id ?? undefined,
      visibility: data.visibility,
      accepted_at: data.created_at,
    });
    const created = await creating.then(
      (response) => response.created,
      (failure: unknown) => {
        if (isRejection(failure)) return failure;
        return parkClientErrors(Promise.reject(failure));
      },
    );
    if (created instanceof Problem)
      context.log.info({ post_id: data.id, code: created.code }, 'post rejected: what it refers to is gone');
    else if (!created) context.log.info({ post_id: data.id }, 'post already created');
  },
});

/** The author, or a post or person that the post refers to, is gone or out of reach, or it was reposted before. */
const REJECTIONS = new Set([
  'post.reference-not-found',
  'post.already-reposted',
  'user.blocked',
  'user.not-found',
]);
const ATTACHMENT = /^(media_ids\.\d+|poll_id)$/;

/**
 * What was valid when the post was accepted may be gone by now. That is an answer, not a failure, which a retry or an
 * operator could repair.
 */
const isRejection = (failure: unknown): failure is Problem =>
  failure instanceof Problem &&
  (REJECTIONS.has(failure.code) ||
    (failure.errors !== undefined &&
      failure.errors.length > 0 &&
      failure.errors.every(({ field }) => ATTACHMENT.test(field))));
