import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { TimeOrderedId } from '#contracts/messages';
import { access } from '#kit/http/access';
import { conditional } from '#kit/http/conditional';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { pagedText } from '#kit/http/json-text/json-text';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { noContent } from '#kit/http/responses';
import { describe, describeEventStream, keyed } from '#kit/http/route-docs';
import { streamRequestOf } from '#kit/http/streams/event-streams';
import { text } from '#kit/text/schema';
import * as bookmarks from './bookmarks/service';
import type { TimelinesDeps } from './deps';
import * as lists from './lists/service';
import type { LiveTimelines } from './live/service';
import * as model from './model';
import { acceptPost } from './posts/accept';
import { createPost } from './posts/create';
import * as posts from './posts/service';

const byId = { params: Type.Object({ id: TimeOrderedId }) };
const byUsername = { params: Type.Object({ username: Type.String({ maxLength: 30 }) }) };
/** In decomposed form a tag of 100 characters takes up to three times as many code units. */
const byTag = { params: Type.Object({ tag: text({ max: 100, maxUnits: 300 }) }) };
const page = { query: PageQuery, response: model.PostPage, etag: true } as const;

const describeStream = (summary: string) =>
  describeEventStream(
    summary,
    'Timelines',
    '`post` with a post as data, in the order in which posts became known, which may differ from the order of their ids; ' +
      '`reload` when too many posts were missed to be sent one by one',
    '4711',
  );

export const timelines = (deps: TimelinesDeps, live: LiveTimelines) =>
  new Elysia({ name: 'timelines' })
    .use(
      platform(deps.runtime, {
        description: 'Posts and timelines.',
        schemas: model,
        tags: {
          Posts: 'Posts and their threads.',
          Bookmarks: 'Posts that a user has bookmarked.',
          Timelines: 'Public, home, user and hashtag timelines.',
        },
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/posts',
      ({ caller, body, request, set }) =>
        sendStored(set, createPost(deps, caller, requestKey(request, '/posts'), body)),
      {
        user: true,
        scope: 'write:statuses',
        body: model.NewPost,
        response: { 201: model.Post },
        ...keyed('Create a post', 'Posts'),
      },
    )
    .post(
      '/posts/async',
      ({ caller, body, request, set }) =>
        sendStored(set, acceptPost(deps, caller, requestKey(request, '/posts/async'), body)),
      {
        user: true,
        scope: 'write:statuses',
        body: model.NewPost,
        response: { 202: model.QueuedPost },
        ...keyed(
          'Create a post (asynchronous): accepted at once under its final id, and not created if what it refers to is gone by then',
          'Posts',
        ),
      },
    )
    .get('/posts/id/:id', ({ caller, params }) => posts.readPost(deps, caller, params.id), {
      optionalUser: true,
      scope: 'read:statuses',
      etag: true,
      // One cache lookup or one row: a response that takes longer is waiting for something another instance may not be.
      gateway: { hedgeMs: 250 },
      ...byId,
      response: model.Post,
      ...describe('Get a post', 'Posts'),
    })
    .delete(
      '/posts/id/:id',
      ({ params, caller, set }) => noContent(set, posts.deletePost(deps, caller, params.id)),
      {
        user: true,
        scope: 'write:statuses',
        ...byId,
        ...describe('Delete a post, as its author or a moderator', 'Posts'),
      },
    )
    .get(
      '/posts/id/:id/replies',
      async ({ params, caller, query, request, set }) =>
        pagedText(set, request, await lists.readReplies(deps, caller, params.id, query)),
      {
        optionalUser: true,
        scope: 'read:statuses',
        ...byId,
        ...page,
        ...describe('List the thread below a post, oldest first', 'Posts'),
      },
    )

    .post(
      '/posts/id/:id/bookmark',
      ({ params, caller, set }) => noContent(set, bookmarks.addBookmark(deps, caller, params.id)),
      {
        user: true,
        scope: 'write:bookmarks',
        ...byId,
        ...describe('Bookmark a post (idempotent)', 'Bookmarks'),
      },
    )
    .delete(
      '/posts/id/:id/bookmark',
      ({ params, caller, set }) => noContent(set, bookmarks.removeBookmark(deps, caller, params.id)),
      { user: true, scope: 'write:bookmarks', ...byId, ...describe('Remove a bookmark', 'Bookmarks') },
    )
    .get(
      '/posts/bookmarks',
      async ({ caller, query, request, set }) =>
        pagedText(set, request, await lists.readBookmarks(deps, caller, query)),
      {
        user: true,
        scope: 'read:bookmarks',
        ...page,
        ...describe('List my bookmarks, newest first', 'Bookmarks'),
      },
    )

    .get(
      '/posts',
      async ({ caller, query, request, set }) =>
        pagedText(set, request, await lists.readPublic(deps, caller, query)),
      {
        optionalUser: true,
        scope: 'read:statuses',
        ...page,
        ...describe('List public posts, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/stream',
      ({ caller, request, server }) =>
        live.openPublic(caller, streamRequestOf(deps.tokens, { request, server }, caller)),
      { optionalUser: true, scope: 'read:statuses', ...describeStream('Stream public posts') },
    )
    .get(
      '/posts/home/:username/stream',
      ({ caller, params, request, server }) =>
        live.openHome(caller, params.username, streamRequestOf(deps.tokens, { request, server }, caller)),
      { user: true, scope: 'read:statuses', ...byUsername, ...describeStream('Stream my home timeline') },
    )
    .get(
      '/posts/home/:username',
      async ({ caller, params, query, request, set }) =>
        pagedText(set, request, await lists.readHome(deps, caller, params.username, query)),
      {
        user: true,
        scope: 'read:statuses',
        ...byUsername,
        ...page,
        ...describe(
          'List my home timeline: my posts and those of people I follow, newest first',
          'Timelines',
        ),
      },
    )
    .get(
      '/posts/tag/:tag',
      async ({ caller, params, query, request, set }) =>
        pagedText(set, request, await lists.readTagged(deps, caller, params.tag, query)),
      {
        optionalUser: true,
        scope: 'read:statuses',
        ...byTag,
        ...page,
        ...describe('List posts with a hashtag, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/search',
      async ({ caller, query, request, set }) =>
        pagedText(set, request, await lists.search(deps, caller, query)),
      {
        optionalUser: true,
        scope: 'read:search',
        share: 'searches',
        query: model.SearchQuery,
        response: model.PostPage,
        ...describe('Search posts that contain all words of a query, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/:username',
      async ({ caller, params, query, request, set }) =>
        pagedText(set, request, await lists.readByAuthor(deps, caller, params.username, query)),
      {
        optionalUser: true,
        scope: 'read:statuses',
        ...byUsername,
        ...page,
        ...describe('List the posts of a user, newest first', 'Timelines'),
      },
    );
