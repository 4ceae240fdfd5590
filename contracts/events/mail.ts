import { type Static, type TObject, Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';

/**
 * One address as RFC 5321 allows it without quotes. What could end a header or begin another (line breaks, commas,
 * angle brackets) is not in it.
 */
export const MailAddress = Type.String({
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\\u0080-\\uffff-]{1,64}@[A-Za-z0-9\\u0080-\\uffff.-]{1,189}$",
  maxLength: 254,
  error: 'An e-mail address',
});

/** Text on one line: no control characters, so it can stand in a header. */
const line = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
    error: `At most ${maxLength} characters on one line`,
  });

/** Only the web: a link must not run anything. */
const Link = Type.String({ pattern: '^https?://[^\\s<>"]+$', maxLength: 2048, error: 'An http address' });

/** A person, whose address users knows, or an address where it is known already. */
export const MailRecipient = Type.Union([
  Type.Object({ user_id: Uuid }),
  Type.Object({ address: MailAddress, name: Type.Optional(line(200)) }),
]);
export type MailRecipient = Static<typeof MailRecipient>;

const content = <const Name extends string, Values extends TObject>(template: Name, values: Values) =>
  Type.Object({ template: Type.Literal(template), values });

/** Which template, and what it shows. Texts are shown as they are, never read as HTML. */
export const MailContent = Type.Union([
  content('password-reset', Type.Object({ link: Link, expires_at: Timestamp })),
  content(
    'likes-digest',
    Type.Object({
      posts: Type.Array(
        Type.Object({
          excerpt: Type.String({ maxLength: 1_000 }),
          link: Link,
          /** Some of those who liked it, as they are to be named; then how many more there are. */
          likers: Type.Array(line(200), { minItems: 1, maxItems: 3 }),
          others_count: Type.Integer({ minimum: 0 }),
        }),
        { minItems: 1, maxItems: 20 },
      ),
    }),
  ),
  content(
    'notification',
    Type.Object({
      title: line(150),
      text: Type.String({ minLength: 1, maxLength: 2_000 }),
      action: Type.Optional(Type.Object({ label: line(60), link: Link })),
    }),
  ),
]);
export type MailContent = Static<typeof MailContent>;

/** Somebody asked that a mail be sent. One is sent for each `event_id`, template and recipient, however often it is asked. */
export const MailRequested = defineEvent({
  name: 'mail.requested',
  version: 1,
  exchange: 'notifications',
  consumers: ['mail'],
  data: Type.Object({
    to: MailRecipient,
    content: MailContent,
    /** What the mail tells of. Needed where the same may be asked in several messages; else this message's own id counts. */
    event_id: Type.Optional(Uuid),
  }),
});
