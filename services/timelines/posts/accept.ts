import { PostCreate } from '#contracts/jobs/posts';
import type { Caller } from '#kit/auth/caller';
import { timeOfId } from '#kit/core/ids';
import { idempotent, type RequestKey, type StoredResponse } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { isDuplicate } from '#kit/mysql/failures';
import type { TimelinesDeps } from '../deps';
import type { NewPost, QueuedPost } from '../model';
import { publishAttachments } from './attachments';
import { commitPost } from './commit';
import { type Draft, parseDraft } from './draft';
import { postExists } from './read-store';
import { resolveDraft } from './resolve';

/**
 * Accepts a post for asynchronous creation under its final id. The job is in the outbox, hence on disk, before the
 * response is sent.
 */
export async function acceptPost(
  deps: TimelinesDeps,
  caller: Caller,
  request: RequestKey,
  input: NewPost,
): Promise<StoredResponse<QueuedPost>> {
  const draft = parseDraft(input, deps.postMaxLength);
  const keyed = { ...request, caller: caller.id, body: input };
  const response = await idempotent<QueuedPost>(deps.database, keyed, async () => {
    // Only to reject now what the worker would reject later.
    await resolveDraft(deps, caller, draft);
    const id = await deps.nextId();
    const location = `/posts/id/${id}`;
    return async (transaction) => {
      await writeOutbox(transaction, [createJob(id, caller, draft)]);
      return { status: 202, headers: { location }, body: { id, status: 'queued', location } };
    };
  });
  deps.outbox.wake();
  return response;
}

const createJob = (id: string, author: Caller, draft: Draft) =>
  outboxEntry(
    PostCreate,
    {
      id,
      author_id: author.id,
      username: author.username,
      text: draft.text,
      reply_to: draft.replyTo,
      repost_of: draft.repostOf,
      media_ids: draft.mediaIds,
      poll_id: draft.pollId,
      visibility: draft.visibility,
      created_at: timeOfId(id).toISOString(),
      idempotency_key: null,
    },
    { aggregate: { type: 'post', id, version: 1 }, actor: author.id },
  );

/**
 * Creates a post that was accepted earlier. Idempotent.
 *
 * @returns false when it was created before, even if it has been deleted since
 */
export async function createAcceptedPost(
  deps: TimelinesDeps,
  author: Pick<Caller, 'id' | 'username'>,
  id: string,
  input: NewPost,
): Promise<boolean> {
  const draft = parseDraft(input, deps.postMaxLength);
  if (await postExists(deps.database, id)) return false;
  const post = await resolveDraft(deps, author, draft);
  try {
    await commitPost(deps, id, post);
  } catch (failure) {
    if (isDuplicate(failure, 'PRIMARY')) return false;
    throw failure;
  }
  await publishAttachments(deps, id, post);
  return true;
}
