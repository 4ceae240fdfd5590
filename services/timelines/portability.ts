import { Type } from '@sinclair/typebox';
import { TimeOrderedId } from '#contracts/messages';
import { timeOfId } from '#kit/core/ids';
import { validated } from '#kit/errors/validation';
import {
  EXPORT_PAGE_SIZE,
  type ExportedPage,
  exportedPage,
  type ImportedRecord,
  portabilityGrpc,
  RecordInvalid,
} from '#kit/grpc/portability';
import { importBookmark, listOwnBookmarks } from './bookmarks/store';
import type { TimelinesDeps } from './deps';
import { PostNotFound } from './model';
import { openViewer } from './people/viewer';
import { findVisible } from './posts/find';
import { importPost, isSettledId } from './posts/import';
import { listOwnPosts, readMentions } from './posts/read-store';
import { mentionedIn, peopleById } from './posts/render';

const BookmarkRecord = Type.Object({ post_id: TimeOrderedId, since: TimeOrderedId });
const FIRST = '0';

/** The data of people in this service. */
export const timelinesPortability = (deps: TimelinesDeps) =>
  portabilityGrpc([
    {
      name: 'posts',
      exportPage: (userId, cursor) => exportPosts(deps, userId, cursor),
      importRecord: (record) => importPost(deps, record),
    },
    {
      name: 'bookmarks',
      async exportPage(userId, cursor) {
        const page = { after: cursor ?? FIRST, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listOwnBookmarks(deps.database, userId, page), {
          key: ({ key }) => key,
          record: ({ key, id }) => ({
            data: { post_id: id, since: key, added_at: timeOfId(key).toISOString() },
          }),
        });
      },
      importRecord: (record) => importBookmarkRecord(deps, record),
    },
  ]);

/** Oldest first: a post comes after those of its author that it refers to. */
async function exportPosts(
  { database, caches }: TimelinesDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const page = { afterId: cursor ?? FIRST, limit: EXPORT_PAGE_SIZE };
  const posts = await listOwnPosts(database, userId, page);
  const mentions = await readMentions(
    database,
    posts.map(({ id }) => id),
  );
  const people = peopleById(await caches.people.find([...mentions.values()].flat()));
  return exportedPage(posts, {
    key: ({ id }) => id,
    record: (post) => ({
      data: {
        id: post.id,
        text: post.text,
        created_at: timeOfId(post.id).toISOString(),
        reply_to: post.replyTo,
        root_id: post.rootId,
        repost_of: post.repostOf,
        mentions: mentionedIn(mentions.get(post.id) ?? [], people).map(({ username }) => username),
        hashtags: post.hashtags,
        media_ids: post.mediaIds,
        poll_id: post.pollId,
        visibility: post.visibility,
        replies_count: post.repliesCount,
        reposts_count: post.repostsCount,
        quotes_count: post.quotesCount,
      },
    }),
  });
}

async function importBookmarkRecord(
  deps: TimelinesDeps,
  { userId, data }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const { post_id: postId, since } = validated(BookmarkRecord, data);
  if (!isSettledId(since)) throw new RecordInvalid();
  const [post] = await findVisible(deps, await openViewer(deps, userId), [postId]);
  if (post === undefined) throw new PostNotFound();
  return (await importBookmark(deps.database, { userId, postId, since })) ? 'imported' : 'exists';
}
