import { type Static, Type } from '@sinclair/typebox';
import { TimeOrderedId, Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { text } from '#kit/text/schema';

export const PostNotFound = defineProblem('post.not-found', 404, 'Post not found');
export const ReferencedPostNotFound = defineProblem(
  'post.reference-not-found',
  422,
  'Referenced post not found',
);
export const AlreadyReposted = defineProblem('post.already-reposted', 409, 'Post already reposted');
export const AuthorBlocked = defineProblem('user.blocked', 403, 'User blocked');
export const UserNotFound = defineProblem('user.not-found', 404, 'User not found');

/**
 * Far above what `POST_MAX_LENGTH` characters take, URLs included; a job that carries the text stays below
 * beanstalkd's 65,535 bytes.
 */
const MAX_CODE_UNITS = 10_000;
const MAX_MEDIA = 4;

const EXAMPLE_ID = '1536462838005760';
const Visibility = Type.Union([Type.Literal('public'), Type.Literal('followers')], {
  description: 'Who may read the post: everyone, or the author and their followers',
  error: 'Expected public or followers',
});

export const NewPost = Type.Object({
  text: Type.Optional(
    Type.String({
      maxLength: MAX_CODE_UNITS,
      description: 'Plain text; optional in a repost, with media or with a poll',
      examples: ['Good morning, @bob #birds'],
      error: 'Expected a shorter text',
    }),
  ),
  reply_to: Type.Optional(
    Type.String({ ...TimeOrderedId, description: 'Id of the post this is a reply to' }),
  ),
  repost_of: Type.Optional(
    Type.String({
      ...TimeOrderedId,
      description: 'Id of the post to repost, or to quote when there is a text',
    }),
  ),
  media_ids: Type.Optional(
    Type.Array(Uuid, {
      maxItems: MAX_MEDIA,
      uniqueItems: true,
      description: 'Files of your own; private ones are public for as long as a public post shows them',
    }),
  ),
  poll_id: Type.Optional(Type.String({ ...Uuid, description: 'A poll of your own' })),
  visibility: Type.Optional(Visibility),
});
export type NewPost = Static<typeof NewPost>;

const Author = Type.Object({
  id: Type.String(),
  username: Type.String({ examples: ['alice'] }),
  display_name: Type.String({ examples: ['Alice'] }),
  avatar_url: nullable(Type.String()),
});

const Quote = Type.Object(
  {
    id: Type.String(),
    state: Type.Union([Type.Literal('available'), Type.Literal('unavailable')], {
      description: '`unavailable` when the quoted post was deleted or the caller may not see it',
    }),
    author: Type.Optional(Author),
    text: Type.Optional(Type.String()),
    created_at: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { description: 'The quoted post; its content is present while it is available' },
);

/** Fields added since are optional: a stored response that is replayed for its `Idempotency-Key` may be without them. */
export const Post = Type.Object({
  id: Type.String({ examples: [EXAMPLE_ID] }),
  author: Author,
  text: Type.String({ examples: ['Good morning, @bob #birds'] }),
  created_at: Type.String({ format: 'date-time' }),
  reply_to: Type.Optional(Type.String()),
  root_id: Type.Optional(Type.String({ description: 'Id of the first post of the thread' })),
  repost_of: Type.Optional(
    Type.String({
      description: 'Id of the reposted post, or of the quoted one when the post has content of its own',
    }),
  ),
  quote: Type.Optional(nullable(Quote)),
  mentions: Type.Array(Type.Object({ id: Type.String(), username: Type.String() })),
  hashtags: Type.Array(Type.String(), { examples: [['birds']] }),
  media: Type.Array(
    Type.Object({
      id: Type.String(),
      type: Type.Optional(Type.String({ description: 'Media type', examples: ['image/png'] })),
      url: Type.Optional(
        Type.String({
          description: 'Address of the content; that of a private file expires after 15 minutes',
        }),
      ),
    }),
    { description: 'Ids alone while the media service is unavailable' },
  ),
  poll_id: Type.Optional(Type.String()),
  likes_count: nullable(Type.Integer({ description: 'Null while the likes service is unavailable' })),
  replies_count: Type.Integer(),
  reposts_count: Type.Integer({ description: 'Number of plain reposts' }),
  quotes_count: Type.Optional(Type.Integer()),
  liked_by_me: Type.Optional(
    Type.Boolean({ description: 'Present for authenticated callers while the likes service is available' }),
  ),
  visibility: Visibility,
});
export type Post = Static<typeof Post>;

export const PostPage = PageOf(Post);

export const QueuedPost = Type.Object({
  id: Type.String({ description: 'The final id of the post', examples: [EXAMPLE_ID] }),
  status: Type.Literal('queued'),
  location: Type.String({ examples: [`/posts/id/${EXAMPLE_ID}`] }),
});
export type QueuedPost = Static<typeof QueuedPost>;

export const SearchQuery = Type.Composite([
  PageQuery,
  Type.Object({
    q: text(
      { max: 200 },
      {
        description:
          'Words, parts of sentences in scripts without spaces, and emoji; a post must contain all of them',
        examples: ['birds'],
      },
    ),
  }),
]);
