import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { PostCreate } from '#contracts/jobs/posts';
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
    const { created } = await parkClientErrors(
      deps.timelines.createAcceptedPost({
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
      }),
    );
    if (!created) context.log.info({ post_id: data.id }, 'post already created');
  },
});
