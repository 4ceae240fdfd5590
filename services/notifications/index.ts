import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import { streamRequestOf } from '#kit/http/streams/event-streams';
import type { NotificationsDeps } from './deps';
import type { LiveNotifications } from './live';
import * as model from './model';
import * as service from './service';

const streamDocs = {
  detail: {
    summary: 'Stream my notifications',
    description:
      'Server-sent events: `notification` with its current state, whenever it is new or has a new actor; `reload` when ' +
      'the position is unknown',
    tags: ['Notifications'],
    parameters: [
      {
        name: 'Last-Event-ID',
        in: 'header' as const,
        description: 'The id of the last received event: the stream resumes after it without a gap',
        schema: { type: 'string' as const, maxLength: 20, example: '42' },
      },
    ],
  },
};

export const notifications = (deps: NotificationsDeps, live: LiveNotifications) =>
  new Elysia({ name: 'notifications' })
    .use(platform(deps.runtime, { description: 'Notifications in the app, and their settings.' }))
    .use(access(deps.tokens))

    .get(
      '/notifications',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listNotifications(deps, caller, query)),
      {
        user: true,
        query: model.NotificationQuery,
        response: model.NotificationPage,
        ...describe('List my notifications, last updated first', 'Notifications'),
      },
    )
    .get('/notifications/unread-count', ({ caller }) => service.countUnread(deps, caller), {
      user: true,
      response: model.UnreadCount,
      ...describe('Count my unread notifications', 'Notifications'),
    })
    .post('/notifications/read', ({ caller, body }) => service.markRead(deps, caller, body), {
      user: true,
      body: model.Read,
      response: model.UnreadCount,
      ...describe('Mark notifications as read, by ids or up to one', 'Notifications'),
    })
    .get(
      '/notifications/stream',
      ({ caller, request, server }) =>
        live.open(caller, streamRequestOf(deps.tokens, { request, server }, caller)),
      { user: true, ...streamDocs },
    )
    .get('/notifications/settings', ({ caller }) => service.readSettings(deps, caller), {
      user: true,
      response: model.SettingsView,
      ...describe('Get my notification settings', 'Notifications'),
    })
    .put('/notifications/settings', ({ caller, body }) => service.changeSettings(deps, caller, body), {
      user: true,
      body: model.SettingsChange,
      response: model.SettingsView,
      ...describe('Update my notification settings; omitted types keep theirs', 'Notifications'),
    });
