import { PostCreated, PostDeleted } from '#contracts/events/posts';
import type { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import type { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { PostCreate, PostFanOut } from '#contracts/jobs/posts';
import type { Caller } from '#kit/auth/caller';
import { timeOfId } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { Forbidden } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { type IdempotentRequest, idempotent, type StoredResponse } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction, isDuplicate, type Transaction } from '#kit/mysql/database';
import type { Redis } from '#kit/redis/client';
import { type Draft, draftOf, type PreparedPost, prepare } from './drafts';
import { deliverToOwnFeed } from './feeds';
import {
  AlreadyReposted,
  type NewPost,
  type Post,
  PostNotFound,
  type QueuedPost,
  ReferencedPostNotFound,
} from './model';
import * as store from './store';
import { readVisible, viewOf, viewsOf } from './views';

export interface TimelinesDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly redis: Redis;
  readonly outbox: { wake(): void };
  readonly users: Pick<GrpcClient<UsersServiceDefinition>, 'getUsers' | 'getUserByUsername'>;
  readonly likes: Pick<GrpcClient<LikesServiceDefinition>, 'getCounts'>;
  readonly nextId: () => string;
  /** Characters of a post. */
  readonly postMaxLength: number;
  /** Ids in a feed. */
  readonly homeSize: number;
  /** Posts of people with so many followers are merged when they are read. */
  readonly fanoutFollowersLimit: number;
}

/** What a request says of itself besides its body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/** May delete other people's posts. */
const MODERATE = 'posts:moderate';
/** An accepted post is there after milliseconds; a client is told to look again for so long. */
const PENDING_MS = 60_000;

export async function createPost(
  deps: TimelinesDeps,
  caller: Caller,
  input: NewPost,
  request: RequestKey,
): Promise<StoredResponse<Post>> {
  const draft = draftOf(deps, input);
  const answer = await idempotent(deps.database, { ...request, caller: caller.id, body: input }, async () => {
    const post = await prepare(deps, caller, draft);
    const id = deps.nextId();
    return async (transaction) => {
      await writePost(transaction, id, post);
      return { status: 201, headers: { location: `/posts/id/${id}` }, body: newPostView(id, post) };
    };
  });
  deps.outbox.wake();
  deliverToOwnFeed(deps, caller.id, answer.body.id);
  return answer;
}

/** Takes a post to be created later, under its final id: it is in the outbox, on disk, before this answers. */
export async function acceptPost(
  deps: TimelinesDeps,
  caller: Caller,
  input: NewPost,
  request: RequestKey,
): Promise<StoredResponse<QueuedPost>> {
  const draft = draftOf(deps, input);
  const keyed = { ...request, caller: caller.id, body: input };
  const answer = await idempotent<QueuedPost>(deps.database, keyed, async () => {
    await prepare(deps, caller, draft);
    const id = deps.nextId();
    const location = `/posts/id/${id}`;
    return async (transaction) => {
      await writeOutbox(transaction, [jobOf(id, caller, draft)]);
      return { status: 202, headers: { location }, body: { id, status: 'queued', location } };
    };
  });
  deps.outbox.wake();
  return answer;
}

const jobOf = (id: string, author: Caller, draft: Draft) =>
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
 * Creates a post that was accepted earlier. @returns false when it was there already, though perhaps deleted since
 */
export async function createAcceptedPost(
  deps: TimelinesDeps,
  id: string,
  author: Pick<Caller, 'id' | 'username'>,
  draft: Draft,
): Promise<boolean> {
  if (await store.postExists(deps.database, id)) return false;
  const post = await prepare(deps, author, draft);
  try {
    await inTransaction(deps.database, (transaction) => writePost(transaction, id, post));
  } catch (failure) {
    if (isDuplicate(failure, 'PRIMARY')) return false;
    throw failure;
  }
  deps.outbox.wake();
  deliverToOwnFeed(deps, author.id, id);
  return true;
}

/** The post, the counts of others, the fact and the work that follows: all or nothing. */
async function writePost(transaction: Transaction, id: string, post: PreparedPost): Promise<void> {
  const { draft, author, target } = post;
  const mentions = post.mentions.map((person) => person.id);
  try {
    await store.insertPost(
      transaction,
      {
        id,
        authorId: author.id,
        text: draft.text,
        replyTo: draft.replyTo,
        rootId: target.rootId,
        repostOf: target.repostOf,
        visibility: draft.visibility,
        pollId: draft.pollId,
        mediaIds: draft.mediaIds,
        hashtags: post.hashtags,
      },
      mentions,
    );
  } catch (failure) {
    if (isDuplicate(failure, 'posts_one_repost')) throw new AlreadyReposted({ cause: failure });
    throw failure;
  }
  await countAt(transaction, draft.replyTo, 'repliesCount', 'reply_to');
  await countAt(transaction, target.repostOf, 'repostsCount', 'repost_of');
  const options = { aggregate: { type: 'post', id, version: 1 }, actor: author.id };
  await writeOutbox(transaction, [
    outboxEntry(
      PostCreated,
      {
        id,
        author_id: author.id,
        visibility: draft.visibility,
        mentions,
        reply_to: draft.replyTo,
        reply_to_author_id: target.replyToAuthorId,
        root_id: target.rootId,
        repost_of: target.repostOf,
        repost_of_author_id: target.repostOfAuthorId,
        created_at: timeOfId(id).toISOString(),
      },
      options,
    ),
    outboxEntry(PostFanOut, { post_id: id, author_id: author.id, after_follower: null }, options),
  ]);
}

/** The post may have been deleted since it was looked at: the count decides. */
async function countAt(
  transaction: Transaction,
  id: string | null,
  column: 'repliesCount' | 'repostsCount',
  field: string,
): Promise<void> {
  if (id !== null && !(await store.countUp(transaction, id, column)))
    throw new ReferencedPostNotFound({ errors: [{ field, message: 'There is no such post' }] });
}

/** Nobody can have liked or answered it yet. */
const newPostView = (id: string, { draft, author, target, mentions, hashtags }: PreparedPost): Post =>
  viewOf(
    {
      ...draft,
      ...target,
      id,
      authorId: author.id,
      username: author.username,
      displayName: author.displayName,
      avatarUrl: author.avatarUrl,
      hashtags,
      repliesCount: 0,
      repostsCount: 0,
      followed: false,
      muted: false,
      blocked: false,
    },
    mentions,
    { count: 0, liked_by_viewer: false },
    author.id,
  );

export async function readPost(deps: TimelinesDeps, id: string, viewer: Caller | null): Promise<Post> {
  const [view] = await viewsOf(deps, [await mustSee(deps, id, viewer)], viewer?.id ?? null);
  if (view === undefined) throw new PostNotFound();
  return view;
}

/** @throws PostNotFound with `Retry-After` while a post of that id may still be on its way */
export async function mustSee(
  deps: TimelinesDeps,
  id: string,
  viewer: Caller | null,
): Promise<store.PostRow> {
  const [post] = await readVisible(deps, [id], viewer?.id ?? null);
  if (post !== undefined) return post;
  const ageMs = Date.now() - timeOfId(id).getTime();
  const pending = ageMs < PENDING_MS && ageMs > -PENDING_MS && !(await store.postExists(deps.database, id));
  throw new PostNotFound({ headers: pending ? { 'retry-after': '1' } : {} });
}

export async function deletePost(deps: TimelinesDeps, caller: Caller, id: string): Promise<void> {
  const post = (await store.findPosts(deps.database, [id], caller.id)).get(id);
  if (post === undefined) throw new PostNotFound();
  if (post.authorId !== caller.id && !caller.permissions.includes(MODERATE)) {
    // What one may not see one is not told of.
    await mustSee(deps, id, caller);
    throw new Forbidden({ detail: 'Only its author or a moderator may delete a post.' });
  }
  await inTransaction(deps.database, async (transaction) => {
    if (!(await store.deletePost(transaction, post))) return;
    await writeOutbox(transaction, [
      outboxEntry(
        PostDeleted,
        { id, author_id: post.authorId },
        { aggregate: { type: 'post', id, version: 2 }, actor: caller.id },
      ),
    ]);
  });
  deps.outbox.wake();
}

export async function addBookmark(deps: TimelinesDeps, caller: Caller, id: string): Promise<void> {
  await mustSee(deps, id, caller);
  await store.insertBookmark(deps.database, { userId: caller.id, postId: id, since: deps.nextId() });
}

export const removeBookmark = (deps: TimelinesDeps, caller: Caller, id: string): Promise<void> =>
  store.deleteBookmark(deps.database, caller.id, id);
