import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { isTokenValid } from '#kit/http/event-streams';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import type { LiveNotifications } from './live';
import * as model from './model';
import * as service from './service';

const describe = (summary: string) => ({ detail: { summary, tags: ['Notifications'] } });
const streamed = {
  detail: {
    summary: 'My notifications as they come',
    description:
      'Server-sent events: `notification` with how it stands, whenever it is new or somebody has joined it; ' +
      '`reload` when the position is not one of ours',
    tags: ['Notifications'],
    parameters: [
      {
        name: 'Last-Event-ID',
        in: 'header' as const,
        description: 'The id of the last event that arrived: goes on after it, and nothing is missed',
        schema: { type: 'string' as const, maxLength: 20, example: '42' },
      },
    ],
  },
};

export const notifications = (
  deps: service.NotificationsDeps & { tokens: TokenVerifier; live: LiveNotifications },
) =>
  new Elysia({ name: 'notifications' })
    .use(platform(deps.runtime, { description: 'What people are told of.' }))
    .use(access(deps.tokens))

    .get(
      '/notifications',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listNotifications(deps, caller, query)),
      {
        user: true,
        query: model.NotificationQuery,
        response: model.NotificationPage,
        ...describe('My notifications, the last changed first'),
      },
    )
    .get('/notifications/unread-count', ({ caller }) => service.countUnread(deps, caller), {
      user: true,
      response: model.UnreadCount,
      ...describe('How many I have not read'),
    })
    .post('/notifications/read', ({ caller, body }) => service.markRead(deps, caller, body), {
      user: true,
      body: model.Read,
      response: model.UnreadCount,
      ...describe('Mark as read: some, or one and all below it'),
    })
    .get(
      '/notifications/stream',
      ({ caller, request, server }) => {
        server?.timeout(request, 0);
        const lastEventId = request.headers.get('last-event-id');
        return deps.live.open(caller, { lastEventId, mayContinue: isTokenValid(deps.tokens, request) });
      },
      { user: true, ...streamed },
    )
    .get('/notifications/settings', ({ caller }) => service.readSettings(deps, caller), {
      user: true,
      response: model.SettingsView,
      ...describe('How I am told of what'),
    })
    .put('/notifications/settings', ({ caller, body }) => service.changeSettings(deps, caller, body), {
      user: true,
      body: model.SettingsChange,
      response: model.SettingsView,
      ...describe('Change how I am told; what is left out stays'),
    });
