import type { Change } from '../cache/changes';
import type { ResolvedPost } from './resolve';

/** Of a new post: the post, and the counts of those it refers to. */
export const changesOfNewPost = (id: string, { author, draft, references }: ResolvedPost): Change[] => [
  { kind: 'created', postId: id, authorId: author.id, visibility: draft.visibility },
  ...[references.replyTo, references.repostOf]
    .filter((postId) => postId !== null)
    .map((postId): Change => ({ kind: 'post', postId })),
];

/** Of a post that was deleted: its own, and the counts of the posts that it refers to. */
export const changesOfPost = (post: {
  readonly id: string;
  readonly replyTo: string | null;
  readonly repostOf: string | null;
}): Change[] =>
  [post.id, post.replyTo, post.repostOf]
    .filter((id) => id !== null)
    .map((postId) => ({ kind: 'post', postId }));
