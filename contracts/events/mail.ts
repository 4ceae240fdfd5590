import { type Static, type TObject, Type } from '@sinclair/typebox';
import { defineEvent, Timestamp, Uuid } from '#contracts/messages';

/**
 * An email address as RFC 5321 allows it without quotes. Characters that could inject headers or addresses (line breaks,
 * commas, angle brackets) are not allowed.
 */
export const MailAddress = Type.String({
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\\u0080-\\uffff-]{1,64}@[A-Za-z0-9\\u0080-\\uffff.-]{1,252}$",
  maxLength: 254,
  error: 'Must be an email address',
});

/** A line of text without control characters, safe in a header. */
const line = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
    error: `Must be one line of at most ${maxLength} characters`,
  });

/** HTTP only: a link must not run code. */
const Link = Type.String({ pattern: '^https?://[^\\s<>"]+$', maxLength: 2048, error: 'Must be an HTTP URL' });

/**
 * Kinds of mail. Recipients may unsubscribe from likes and notifications; each kind has a daily limit of its own, so that
 * a flood of one cannot hold back another.
 */
export const MAIL_CATEGORIES = [
  'verification',
  'security',
  'transactional',
  'likes',
  'notifications',
] as const;
export type MailCategory = (typeof MAIL_CATEGORIES)[number];

/** A user, whose address is looked up in users, or an address. */
export const MailRecipient = Type.Union([
  Type.Object({ user_id: Uuid }),
  Type.Object({ address: MailAddress, name: Type.Optional(line(200)) }),
]);
export type MailRecipient = Static<typeof MailRecipient>;

const content = <const Name extends string, Values extends TObject>(template: Name, values: Values) =>
  Type.Object({ template: Type.Literal(template), values });

/** What happened to the second factors of an account. */
export const FACTOR_CHANGES = [
  'app-added',
  'app-removed',
  'passkey-added',
  'passkey-removed',
  'recovery-codes-replaced',
  'recovery-code-used',
  'removed-by-operator',
] as const;
export type FactorChange = (typeof FACTOR_CHANGES)[number];

/** What happened to the accounts at other providers that sign in to an account. */
export const IDENTITY_CHANGES = ['linked', 'unlinked'] as const;
export type IdentityChange = (typeof IDENTITY_CHANGES)[number];

/** A template and its values. Texts are escaped, never interpreted as HTML. */
export const MailContent = Type.Union([
  content('password-reset', Type.Object({ link: Link, expires_at: Timestamp })),
  /** The only mail to an address that is not verified. */
  content('email-verification', Type.Object({ link: Link, expires_at: Timestamp })),
  /** To the former address of an account, which was verified. */
  content('address-changed', Type.Object({ changed_at: Timestamp })),
  content(
    'second-factors-changed',
    Type.Object({
      change: Type.Union(FACTOR_CHANGES.map((change) => Type.Literal(change))),
      changed_at: Timestamp,
    }),
  ),
  content(
    'identities-changed',
    Type.Object({
      change: Type.Union(IDENTITY_CHANGES.map((change) => Type.Literal(change))),
      /** As the operator calls it. */
      provider: line(60),
      changed_at: Timestamp,
    }),
  ),
  content(
    'likes-digest',
    Type.Object({
      posts: Type.Array(
        Type.Object({
          excerpt: Type.String({ maxLength: 1_000 }),
          link: Link,
          /** Usernames of some of the users who liked it; `others_count` is the number of the others. */
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
      /** Shown above the text. Subject and heading are fixed texts. */
      title: line(150),
      /** Of a digest: how many notifications it reports. */
      notifications_count: Type.Optional(Type.Integer({ minimum: 1 })),
      text: Type.String({ minLength: 1, maxLength: 2_000 }),
      action: Type.Optional(Type.Object({ label: line(60), link: Link })),
    }),
  ),
]);
export type MailContent = Static<typeof MailContent>;

/** A mail is requested. One is sent per `event_id`, template and recipient, however often it is requested. */
export const MailRequested = defineEvent({
  name: 'mail.requested',
  version: 1,
  exchange: 'notifications',
  publishers: ['auth', 'likes', 'mail', 'notifications', 'users'],
  consumers: ['mail'],
  personal: true,
  data: Type.Object({
    to: MailRecipient,
    content: MailContent,
    /** The event the mail is about, to deduplicate requests in several messages; the id of this message by default. */
    event_id: Type.Optional(Uuid),
    /** For a mail to an address: the account it is about. Its record is deleted and exported with that user. */
    about_user_id: Type.Optional(Uuid),
  }),
});
