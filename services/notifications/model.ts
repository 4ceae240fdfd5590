import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { TimeOrderedId, Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';

export const NotificationNotFound = defineProblem('notification.not-found', 404, 'Notification not found');

const MAX_IDS = 100;
const MAX_NOTICES = 200;

export const NotificationType = Type.Union(
  [
    Type.Literal('like'),
    Type.Literal('reply'),
    Type.Literal('mention'),
    Type.Literal('repost'),
    Type.Literal('follow'),
    Type.Literal('payment'),
    Type.Literal('like-withdrawn'),
    Type.Literal('poll-ended'),
    Type.Literal('follow-request'),
    Type.Literal('follow-accepted'),
  ],
  { error: 'Expected a type of notification' },
);

export const Notification = Type.Object({
  id: Type.String({ examples: ['1536462838005760'] }),
  type: NotificationType,
  text: Type.String({ examples: ['alice and 7 others liked your post'] }),
  object_id: Type.String({
    description: 'Id of the post, person, payment, poll or follow request it is about',
  }),
  subject_id: Type.Optional(
    Type.String({
      description:
        'Id of what to open, like the newest reply or the person who asks, when it is not the object',
    }),
  ),
  reason: Type.Optional(
    Type.String({
      description:
        'The state of a payment, or the role in a poll: `asked` for its author, `voted` for voters',
      examples: ['succeeded'],
    }),
  ),
  actors: Type.Array(
    Type.Object({
      id: Type.String(),
      username: Type.String({ examples: ['alice'] }),
      display_name: Type.String({ examples: ['Alice'] }),
      avatar_url: nullable(Type.String()),
    }),
    { description: 'The latest actors, newest first; at most three' },
  ),
  actors_count: Type.Integer({ description: 'Number of all actors', examples: [8] }),
  unread: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' }),
  updated_at: Type.String({ format: 'date-time', description: 'Time of the latest action' }),
});
export type Notification = Static<typeof Notification>;
export const NotificationPage = PageOf(Notification);

export const NotificationQuery = Type.Composite([
  PageQuery,
  Type.Object({
    // Elysia's boolean: query parameters arrive as text.
    unread: Type.Optional(t.Boolean({ description: 'Only unread notifications, or only read ones' })),
    type: Type.Optional(NotificationType),
  }),
]);
export type NotificationQuery = Static<typeof NotificationQuery>;

export const Read = Type.Union(
  [
    Type.Object({ ids: Type.Array(TimeOrderedId, { minItems: 1, maxItems: MAX_IDS }) }),
    Type.Object({
      up_to: Type.String({ ...TimeOrderedId, description: 'This notification and all listed below it' }),
    }),
  ],
  { error: 'Expected either ids, at most 100, or up_to' },
);
export type Read = Static<typeof Read>;

export const UnreadCount = Type.Object({ unread_count: Type.Integer({ examples: [3] }) });

const Delivery = Type.Union([Type.Literal('app'), Type.Literal('mail'), Type.Literal('off')], {
  error: 'Expected app, mail or off',
});
export const SettingsView = Type.Object(
  {
    like: Delivery,
    reply: Delivery,
    mention: Delivery,
    repost: Delivery,
    follow: Delivery,
    payment: Delivery,
    'like-withdrawn': Delivery,
    'poll-ended': Delivery,
    'follow-request': Delivery,
    'follow-accepted': Delivery,
  },
  {
    description:
      '`app`: in the app; `mail`: in the app and in a digest mail (likes have a digest of their own); `off`: not at all',
  },
);
export const SettingsChange = Type.Partial(SettingsView, { minProperties: 1 });
export type SettingsChange = Static<typeof SettingsChange>;

/** The notices of a `record` call. */
export const Notices = Type.Array(
  Type.Object({
    user_id: Uuid,
    type: NotificationType,
    actor_id: Type.Optional(Uuid),
    object_id: Type.String({ minLength: 1, maxLength: 36 }),
    subject_id: Type.Optional(Type.String({ minLength: 1, maxLength: 36 })),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
  }),
  { maxItems: MAX_NOTICES },
);
export type Notice = Static<typeof Notices>[number];

const MAX_ACTORS = 1_000;

/** The request of `getHearing`: how a recipient wants a type of notification, and which actors are suppressed. */
export const DeliveryRequest = Type.Object({
  user_id: Uuid,
  type: NotificationType,
  actor_ids: Type.Array(Uuid, { maxItems: MAX_ACTORS }),
});

export const ListRequest = Type.Object({
  user_id: Uuid,
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
});
