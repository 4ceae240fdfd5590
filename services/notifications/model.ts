import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { TimeOrderedId, Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';

export const NotificationNotFound = defineProblem(
  'notification.not-found',
  404,
  'There is no such notification',
);

const MOST_IDS = 100;
const MOST_NOTICES = 200;

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
  ],
  { error: 'A type of notification' },
);

export const Notification = Type.Object({
  id: Type.String({ examples: ['1536462838005760'] }),
  type: NotificationType,
  text: Type.String({ examples: ['alice and 7 others liked your post'] }),
  object_id: Type.String({ description: 'What it is about: a post, a person, a payment or a poll' }),
  subject_id: Type.Optional(
    Type.String({ description: 'Where to look, as the reply: of the newest of them' }),
  ),
  reason: Type.Optional(
    Type.String({
      description: 'What happened to a payment, or what somebody has to do with a poll: `asked` or `voted`',
      examples: ['succeeded'],
    }),
  ),
  actors: Type.Array(
    Type.Object({
      id: Type.String(),
      username: Type.String({ examples: ['alice'] }),
      display_name: Type.String({ examples: ['Alice'] }),
      avatar_url: Type.Union([Type.String(), Type.Null()]),
    }),
    { description: 'Who did it, the newest first; no more than three' },
  ),
  actors_count: Type.Integer({ description: 'How many did it', examples: [8] }),
  unread: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' }),
  updated_at: Type.String({ format: 'date-time', description: 'When the newest of them did it' }),
});
export type Notification = Static<typeof Notification>;
export const NotificationPage = PageOf(Notification);

export const NotificationQuery = Type.Composite([
  PageQuery,
  Type.Object({
    // Elysia's own: in a query it arrives as text.
    unread: Type.Optional(t.Boolean({ description: 'Only unread ones, or only read ones' })),
    type: Type.Optional(NotificationType),
  }),
]);
export type NotificationQuery = Static<typeof NotificationQuery>;

export const Read = Type.Union(
  [
    Type.Object({ ids: Type.Array(TimeOrderedId, { minItems: 1, maxItems: MOST_IDS }) }),
    Type.Object({
      up_to: Type.String({ ...TimeOrderedId, description: 'This one and all that are shown below it' }),
    }),
  ],
  { error: 'Either ids, at most 100, or up_to' },
);
export type Read = Static<typeof Read>;

export const UnreadCount = Type.Object({ unread_count: Type.Integer({ examples: [3] }) });

const Delivery = Type.Union([Type.Literal('app'), Type.Literal('mail'), Type.Literal('off')], {
  error: 'One of app, mail, off',
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
  },
  {
    description:
      '`app`: in the app; `mail`: in the app, and together with others by mail (likes in a digest of their own); ' +
      '`off`: not at all',
  },
);
export const SettingsChange = Type.Partial(SettingsView, { minProperties: 1 });
export type SettingsChange = Static<typeof SettingsChange>;

/** What the worker asks to be recorded. */
export const Notices = Type.Array(
  Type.Object({
    user_id: Uuid,
    type: NotificationType,
    actor_id: Type.Optional(Uuid),
    object_id: Type.String({ minLength: 1, maxLength: 36 }),
    subject_id: Type.Optional(Type.String({ minLength: 1, maxLength: 36 })),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
  }),
  { maxItems: MOST_NOTICES },
);
export type Notice = Static<typeof Notices>[number];

const MOST_ACTORS = 1_000;

/** What is asked before somebody is told of many people in another way. */
export const HearingQuestion = Type.Object({
  user_id: Uuid,
  type: NotificationType,
  actor_ids: Type.Array(Uuid, { maxItems: MOST_ACTORS }),
});

export const ListQuestion = Type.Object({
  user_id: Uuid,
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
});
