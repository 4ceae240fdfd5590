import { type Static, Type } from '@sinclair/typebox';
import { MAIL_CATEGORIES, MailRequested } from '#contracts/events/mail';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { inMediaTypes } from '#kit/http/body/read-body';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { text } from '#kit/text/schema';

export const MailNotFound = defineProblem('mail.not-found', 404, 'Mail not found');
export const UnsubscribeLinkInvalid = defineProblem(
  'mail.unsubscribe-link-invalid',
  422,
  'Invalid unsubscribe link',
);

export const NewMail = MailRequested.data;
export type NewMail = Static<typeof NewMail>;

const NullableText = (description: string) => nullable(Type.String(), { description });
const Timestamp = Type.String({ format: 'date-time' });

export const Mail = Type.Object({
  id: Type.String({ description: 'Also the local part of its Message-ID' }),
  event_id: Type.String({ description: 'The event that the mail reports' }),
  template: Type.String(),
  user_id: NullableText('The user whom the mail is to, or about'),
  address: NullableText('Null until sending begins, where the mail was requested for a user'),
  name: NullableText('Null like the address'),
  subject: NullableText('Null until sending begins, and for mails whose subject names other people'),
  category: NullableText('Null until sending begins'),
  status: Type.Union([
    Type.Literal('queued'),
    Type.Literal('sending'),
    Type.Literal('sent'),
    Type.Literal('failed'),
    Type.Literal('unsubscribed'),
    Type.Literal('bounced', { description: 'The recipient was rejected permanently' }),
    Type.Literal('suppressed', {
      description:
        'Not sent: the address is not verified, earlier mails to it bounced, or the daily limit was reached',
    }),
  ]),
  attempts: Type.Integer(),
  reason: NullableText('Why it failed, bounced or was not sent, or was last deferred'),
  created_at: Timestamp,
  sent_at: nullable(Timestamp),
});
export type Mail = Static<typeof Mail>;
export const MailPage = PageOf(Mail);

export const MailQuery = Type.Composite([
  PageQuery,
  Type.Object({
    to: Type.Optional(text({ max: 254, maxUnits: 254 }, { description: 'An address or a user id' })),
  }),
]);
export type MailQuery = Static<typeof MailQuery>;

export const MailParams = Type.Object({ id: Type.String({ maxLength: 36 }) });
/** RFC 8058, section 3.1: mail clients post this pair, as either kind of form; the page of the link posts nothing. */
export const OneClick = Type.Optional(
  inMediaTypes(
    Type.Object({ 'List-Unsubscribe': Type.Optional(Type.Literal('One-Click')) }),
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ),
);
export const UnsubscribeQuery = Type.Object({ token: Type.String({ maxLength: 1_000 }) });

/** The worker's request to send a mail. */
export const SendRequest = Type.Object({
  event_id: Uuid,
  template: Type.String({ minLength: 1, maxLength: 64 }),
  user_id: Type.Optional(Uuid),
  /** Also one that no server can deliver to: that is recorded. */
  address: text({ max: 254, maxUnits: 254 }),
  name: Type.String({ maxLength: 200 }),
  subject: Type.String({ minLength: 1, maxLength: 255 }),
  category: Type.Union(MAIL_CATEGORIES.map((category) => Type.Literal(category))),
  about_user_id: Type.Optional(Uuid),
  asked_for: Type.Optional(Type.Boolean()),
});
export type SendRequest = Static<typeof SendRequest>;

/** The worker's report of an attempt. */
export const SendResult = Type.Object({
  mail_id: Uuid,
  attempt: Type.Integer({ minimum: 1 }),
  outcome: Type.Union([
    Type.Literal('sent'),
    Type.Literal('failed'),
    Type.Literal('deferred'),
    Type.Literal('bounced'),
  ]),
  reason: Type.String({ maxLength: 255 }),
});
export type SendResult = Static<typeof SendResult>;
