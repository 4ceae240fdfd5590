import type { TimelinesDeps } from '../deps';
import type { Person } from '../people/person';
import type { Viewer } from '../people/viewer';
import { findFiles } from './attachments';
import { type FoundPost, findShown, referencesOf } from './find';
import { findLikes, UNKNOWN_LIKES } from './likes';
import { originalIdOf } from './reposts';
import { postJson } from './view';

/**
 * The JSON of posts, as one viewer is shown them; mentions, likes, referenced posts and files are read in one batch each. A
 * plain repost has its original's counts.
 */
export async function renderPosts(
  deps: TimelinesDeps,
  viewer: Viewer,
  posts: readonly FoundPost[],
): Promise<string[]> {
  if (posts.length === 0) return [];
  const originalIds = posts.map(({ post }) => originalIdOf(post));
  const [likes, people, referenced, files] = await Promise.all([
    findLikes(deps, viewer.id, originalIds),
    findMentioned(deps, posts),
    findShown(deps, viewer, referencesOf(posts)),
    findFiles(deps, [...new Set(posts.flatMap(({ post }) => post.mediaIds))]),
  ]);
  return posts.map((found, index) => {
    const { post } = found;
    const original = post.repostOf === null ? undefined : referenced.get(post.repostOf);
    return postJson(found, {
      mentioned: mentionedIn(post.mentionIds, people),
      likes: likes[index] ?? UNKNOWN_LIKES,
      files,
      quoted: original,
      counts: post.isPlainRepost ? (original?.post ?? post) : post,
    });
  });
}

async function findMentioned(
  { caches }: Pick<TimelinesDeps, 'caches'>,
  posts: readonly FoundPost[],
): Promise<ReadonlyMap<string, Person>> {
  const ids = posts.flatMap(({ post }) => post.mentionIds);
  return ids.length === 0 ? NO_PEOPLE : peopleById(await caches.people.find(ids));
}

const NO_PEOPLE: ReadonlyMap<string, Person> = new Map();

/** People by their ids, without those who do not exist. */
export const peopleById = (people: readonly (Person | undefined)[]): Map<string, Person> =>
  new Map(people.flatMap((person) => (person === undefined ? [] : [[person.id, person]])));

const NOBODY: readonly Person[] = [];

/** In the order of their names, without those who have been erased. */
export function mentionedIn(ids: readonly string[], people: ReadonlyMap<string, Person>): readonly Person[] {
  if (ids.length === 0) return NOBODY;
  return ids
    .flatMap((id) => people.get(id) ?? [])
    .filter((person) => !person.isErased)
    .sort((one, other) => (one.username < other.username ? -1 : 1));
}
