import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { describe, describeEventStream } from '#kit/http/route-docs';
import { streamRequestOf } from '#kit/http/streams/event-streams';
import type { NotificationsDeps } from './deps';
import type { LiveNotifications } from './live';
import * as model from './model';
import * as service from './service';

const streamDocs = describeEventStream(
  'Stream my notifications',
  'Notifications',
  '`notification` with its current state, whenever it is new or has a new actor; `reload` when the position is unknown',
  '42',
);

export const notifications = (deps: NotificationsDeps, live: LiveNotifications) =>
  new Elysia({ name: 'notifications' })
    .use(
      platform(deps.runtime, {
        description: 'Notifications in the app, and their settings.',
        schemas: model,
        tags: { Notifications: 'Notifications of a user, and their settings.' },
      }),
    )
    .use(access(deps.tokens))

    .get(
      '/notifications',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listNotifications(deps, caller, query)),
      {
        user: true,
        scope: 'read:notifications',
        query: model.NotificationQuery,
        response: model.NotificationPage,
        ...describe('List my notifications, last updated first', 'Notifications'),
      },
    )
    .get('/notifications/unread-count', ({ caller }) => service.countUnread(deps, caller), {
      user: true,
      scope: 'read:notifications',
      response: model.UnreadCount,
      ...describe('Count my unread notifications', 'Notifications'),
    })
    .post('/notifications/read', ({ caller, body }) => service.markRead(deps, caller, body), {
      user: true,
      scope: 'write:notifications',
      body: model.Read,
      response: model.UnreadCount,
      ...describe('Mark notifications as read, by ids or up to one', 'Notifications'),
    })
    .get(
      '/notifications/stream',
      ({ caller, request, server }) =>
        live.open(caller, streamRequestOf(deps.tokens, { request, server }, caller)),
      { user: true, scope: 'read:notifications', ...streamDocs },
    )
    .get('/notifications/settings', ({ caller }) => service.readSettings(deps, caller), {
      user: true,
      scope: 'read:notifications',
      response: model.SettingsView,
      ...describe('Get my notification settings', 'Notifications'),
    })
    .put('/notifications/settings', ({ caller, body }) => service.changeSettings(deps, caller, body), {
      user: true,
      scope: 'write:notifications',
      body: model.SettingsChange,
      response: model.SettingsView,
      ...describe('Update my notification settings; omitted types keep theirs', 'Notifications'),
    });
