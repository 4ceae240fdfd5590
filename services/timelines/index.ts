import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { TimeOrderedId } from '#contracts/messages';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { conditional } from '#kit/http/conditional';
import { isTokenValid } from '#kit/http/event-streams';
import { readIdempotencyKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import * as lists from './lists';
import type { LiveTimelines } from './live';
import * as model from './model';
import * as service from './service';

const byId = { params: Type.Object({ id: TimeOrderedId }) };
const byUsername = { params: Type.Object({ username: Type.String({ maxLength: 30 }) }) };
const byTag = { params: Type.Object({ tag: Type.String({ minLength: 1, maxLength: 100 }) }) };
const page = { query: PageQuery, response: model.PostPage };
const describe = (summary: string, tag: string) => ({ detail: { summary, tags: [tag] } });
const keyed = (summary: string, tag: string) => ({
  detail: {
    summary,
    tags: [tag],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-post' },
      },
    ],
  },
});
const describeStream = (summary: string) => ({
  detail: {
    summary,
    tags: ['Timelines'],
    description:
      'Server-sent events: `post` with a post as data, in the order in which posts became known, which is not always ' +
      'that of their ids; `reload` when too much was missed to be sent one by one',
    parameters: [
      {
        name: 'Last-Event-ID',
        in: 'header' as const,
        description: 'The id of the last event that arrived: goes on after it, and nothing is missed',
        schema: { type: 'string' as const, maxLength: 20, example: '4711' },
      },
    ],
  },
});
const requestKey = (request: Request, route: string): service.RequestKey => ({
  key: readIdempotencyKey(request.headers),
  method: 'POST',
  route,
});

const streamed = (tokens: TokenVerifier, request: Request) => ({
  lastEventId: request.headers.get('last-event-id'),
  mayContinue: isTokenValid(tokens, request),
});

export const timelines = (deps: service.TimelinesDeps & { tokens: TokenVerifier }, live: LiveTimelines) =>
  new Elysia({ name: 'timelines' })
    .use(platform(deps.runtime, { description: 'Posts, and the timelines they appear in.' }))
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/posts',
      ({ caller, body, request, set }) =>
        sendStored(set, service.createPost(deps, caller, body, requestKey(request, '/posts'))),
      { user: true, body: model.NewPost, response: { 201: model.Post }, ...keyed('Post', 'Posts') },
    )
    .post(
      '/posts/async',
      ({ caller, body, request, set }) =>
        sendStored(set, service.acceptPost(deps, caller, body, requestKey(request, '/posts/async'))),
      {
        user: true,
        body: model.NewPost,
        response: { 202: model.QueuedPost },
        ...keyed('Post later: taken at once, created under the same id a moment after', 'Posts'),
      },
    )
    .get('/posts/id/:id', ({ params, caller }) => service.readPost(deps, params.id, caller), {
      optionalUser: true,
      etag: true,
      ...byId,
      response: model.Post,
      // One look at memory or one row: what takes this long waits for something, and another instance need not.
      detail: { summary: 'A post', tags: ['Posts'], 'x-hedge-ms': 250 },
    })
    .delete(
      '/posts/id/:id',
      ({ params, caller, set }) => noContent(set, service.deletePost(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Delete my post; moderators may delete any', 'Posts') },
    )
    .get(
      '/posts/id/:id/replies',
      async ({ params, caller, query, request, set }) =>
        paged(set, request, await lists.readReplies(deps, caller, params.id, query)),
      {
        optionalUser: true,
        ...byId,
        ...page,
        ...describe('The thread below a post, oldest first; `reply_to` tells who answers whom', 'Posts'),
      },
    )

    .post(
      '/posts/id/:id/bookmark',
      ({ params, caller, set }) => noContent(set, service.addBookmark(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Bookmark; again changes nothing', 'Bookmarks') },
    )
    .delete(
      '/posts/id/:id/bookmark',
      ({ params, caller, set }) => noContent(set, service.removeBookmark(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Remove a bookmark', 'Bookmarks') },
    )
    .get(
      '/posts/bookmarks',
      async ({ caller, query, request, set }) =>
        paged(set, request, await lists.readBookmarks(deps, caller, query)),
      { user: true, ...page, ...describe('My bookmarks, newest first', 'Bookmarks') },
    )

    .get(
      '/posts',
      async ({ caller, query, request, set }) =>
        paged(set, request, await lists.readPublic(deps, caller, query)),
      { optionalUser: true, ...page, ...describe('Everything public, newest first', 'Timelines') },
    )
    .get(
      '/posts/stream',
      ({ caller, request, server }) => {
        server?.timeout(request, 0);
        return live.openPublic(caller, streamed(deps.tokens, request));
      },
      { optionalUser: true, ...describeStream('Everything public as it is posted') },
    )
    .get(
      '/posts/home/:username/stream',
      ({ caller, params, request, server }) => {
        server?.timeout(request, 0);
        return live.openHome(caller, params.username, streamed(deps.tokens, request));
      },
      { user: true, ...byUsername, ...describeStream('My home timeline as it grows') },
    )
    .get(
      '/posts/home/:username',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await lists.readHome(deps, caller, params.username, query)),
      {
        user: true,
        ...byUsername,
        ...page,
        ...describe('My home timeline: my posts and those of the people I follow, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/tag/:tag',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await lists.readTagged(deps, caller, params.tag, query)),
      {
        optionalUser: true,
        ...byTag,
        ...page,
        ...describe('Posts with a hashtag, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/search',
      async ({ caller, query, request, set }) => paged(set, request, await lists.search(deps, caller, query)),
      {
        optionalUser: true,
        query: model.SearchQuery,
        response: model.PostPage,
        ...describe('Posts that hold all of some words, newest first', 'Timelines'),
      },
    )
    .get(
      '/posts/:username',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await lists.readOfAuthor(deps, caller, params.username, query)),
      {
        optionalUser: true,
        ...byUsername,
        ...page,
        ...describe("Somebody's posts, newest first", 'Timelines'),
      },
    );
