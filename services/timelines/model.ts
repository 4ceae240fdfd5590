import { type Static, Type } from '@sinclair/typebox';
import { TimeOrderedId, Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';

export const PostNotFound = defineProblem('post.not-found', 404, 'There is no such post');
export const ReferencedPostNotFound = defineProblem(
  'post.reference-not-found',
  422,
  'The post this refers to does not exist',
);
export const AlreadyReposted = defineProblem('post.already-reposted', 409, 'You have reposted this already');
export const AuthorBlocked = defineProblem('user.blocked', 403, 'One of you has blocked the other');
export const PersonNotFound = defineProblem('user.not-found', 404, 'There is no such person');

/**
 * Far above what `POST_MAX_LENGTH` characters take, URLs included; a job that carries the text stays under
 * beanstalkd's 65,535 bytes.
 */
const MOST_CODE_UNITS = 10_000;
const MOST_MEDIA = 4;

const EXAMPLE_ID = '1536462838005760';
const Visibility = Type.Union([Type.Literal('public'), Type.Literal('followers')], {
  description: 'Who may read it: everybody, or followers and the author',
  error: 'Either public or followers',
});

export const NewPost = Type.Object({
  text: Type.Optional(
    Type.String({
      maxLength: MOST_CODE_UNITS,
      description: 'Plain text; may be left out of a repost',
      examples: ['Good morning, @bob #birds'],
      error: 'A text that is not too long',
    }),
  ),
  reply_to: Type.Optional(Type.String({ ...TimeOrderedId, description: 'The post this answers' })),
  repost_of: Type.Optional(
    Type.String({ ...TimeOrderedId, description: 'The post this repeats, or quotes when there is a text' }),
  ),
  media_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST_MEDIA, uniqueItems: true })),
  poll_id: Type.Optional(Uuid),
  visibility: Type.Optional(Visibility),
});
export type NewPost = Static<typeof NewPost>;

const nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

export const Post = Type.Object({
  id: Type.String({ examples: [EXAMPLE_ID] }),
  author: Type.Object({
    id: Type.String(),
    username: Type.String({ examples: ['alice'] }),
    display_name: Type.String({ examples: ['Alice'] }),
    avatar_url: nullable(Type.String()),
  }),
  text: Type.String({ examples: ['Good morning, @bob #birds'] }),
  created_at: Type.String({ format: 'date-time' }),
  reply_to: Type.Optional(Type.String()),
  root_id: Type.Optional(Type.String({ description: 'The first post of the thread' })),
  repost_of: Type.Optional(Type.String()),
  mentions: Type.Array(Type.Object({ id: Type.String(), username: Type.String() })),
  hashtags: Type.Array(Type.String(), { examples: [['birds']] }),
  media: Type.Array(Type.Object({ id: Type.String() })),
  poll_id: Type.Optional(Type.String()),
  likes_count: nullable(Type.Integer({ description: 'Null while the likes service does not answer' })),
  replies_count: Type.Integer(),
  reposts_count: Type.Integer(),
  liked_by_me: Type.Optional(
    Type.Boolean({ description: 'Only for who is signed in, and while the likes service answers' }),
  ),
  visibility: Visibility,
});
export type Post = Static<typeof Post>;

export const PostPage = PageOf(Post);

export const QueuedPost = Type.Object({
  id: Type.String({ description: 'The final id', examples: [EXAMPLE_ID] }),
  status: Type.Literal('queued'),
  location: Type.String({ examples: [`/posts/id/${EXAMPLE_ID}`] }),
});
export type QueuedPost = Static<typeof QueuedPost>;

export const SearchQuery = Type.Composite([
  PageQuery,
  Type.Object({
    q: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Words of three letters or more; all of them must be there',
      examples: ['birds'],
    }),
  }),
]);
