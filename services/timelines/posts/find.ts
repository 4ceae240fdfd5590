import type { TimelinesDeps } from '../deps';
import type { Person } from '../people/person';
import { isComplete, type Relations } from '../people/relations';
import { relationsAmong } from '../people/relations-store';
import type { Viewer } from '../people/viewer';
import type { StoredPost } from './stored-post';
import { isVisible, type PostAccess, type PostFilter } from './visibility';

/** A post that exists, with its author, as one viewer finds it. */
export interface FoundPost extends PostAccess {
  readonly post: StoredPost;
  readonly author: Person;
}

type FindDeps = Pick<TimelinesDeps, 'caches' | 'database'>;

/** Finds posts that exist and are not deleted, in the order of the ids; undefined where there is none. */
export async function findPosts(
  { caches, database }: FindDeps,
  viewer: Viewer,
  ids: readonly string[],
): Promise<(FoundPost | undefined)[]> {
  const posts = await caches.posts.find(ids);
  const authorIds = posts.flatMap((post) => (post === undefined || post.isDeleted ? [] : post.authorId));
  const authors = await caches.people.find(authorIds);
  const relations = await relationsWith(database, viewer, authorIds);
  let position = 0;
  return posts.map((post) => {
    if (post === undefined || post.isDeleted) return undefined;
    const author = authors[position++];
    return author === undefined || author.isErased ? undefined : foundPost(post, author, relations);
  });
}

/** Finds one post. */
export async function findPost(deps: FindDeps, viewer: Viewer, id: string): Promise<FoundPost | undefined> {
  const [post] = await findPosts(deps, viewer, [id]);
  return post;
}

function foundPost(post: StoredPost, author: Person, { followed, muted, blocked }: Relations): FoundPost {
  const { authorId, visibility } = post;
  return {
    post,
    author,
    authorId,
    visibility,
    followed: followed?.has(authorId) ?? false,
    muted: muted?.has(authorId) ?? false,
    blocked: blocked?.has(authorId) ?? false,
  };
}

async function relationsWith(
  database: TimelinesDeps['database'],
  { id, relations }: Viewer,
  authorIds: readonly string[],
): Promise<Relations> {
  if (id === null || isComplete(relations)) return relations;
  return relationsAmong(database, id, [...new Set(authorIds)]);
}

/**
 * The posts with these ids that pass the filter, in the order of the ids; undefined where there is none. A plain repost is
 * omitted when its original does not exist or is not visible; a quote is not.
 */
export async function findVisible(
  deps: FindDeps,
  viewer: Viewer,
  ids: readonly string[],
  filter: PostFilter = (post) => isVisible(post, viewer.id),
): Promise<(FoundPost | undefined)[]> {
  const found = await findPosts(deps, viewer, ids);
  const visible = found.map((post) => (post !== undefined && filter(post) ? post : undefined));
  const reposts = visible.flatMap((found) => (found?.post.isPlainRepost ? found : []));
  if (reposts.length === 0) return visible;
  const originals = await findShown(deps, viewer, referencesOf(reposts));
  return visible.map((found) =>
    found?.post.isPlainRepost && !originals.has(found.post.repostOf ?? '') ? undefined : found,
  );
}

/** The distinct ids of the posts that posts repost or quote. */
export const referencesOf = (posts: readonly Pick<FoundPost, 'post'>[]): string[] => [
  ...new Set(posts.flatMap(({ post }) => post.repostOf ?? [])),
];

/** Those of the posts that others refer to which the viewer may see; muted authors are not shown through them either. */
export async function findShown(
  deps: FindDeps,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, FoundPost>> {
  if (ids.length === 0) return new Map();
  const shown = new Map<string, FoundPost>();
  for (const found of await findPosts(deps, viewer, ids))
    if (found !== undefined && isVisible(found, viewer.id) && !found.muted) shown.set(found.post.id, found);
  return shown;
}
