import { type Static, Type } from '@sinclair/typebox';
import { MailAddress, MailRequested } from '#contracts/events/mail';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const MailNotFound = defineProblem('mail.not-found', 404, 'There is no such mail');
export const UnsubscribeLinkInvalid = defineProblem(
  'mail.unsubscribe-link-invalid',
  422,
  'This link to unsubscribe is not one of ours',
);

/** Mail of this category is sent whatever the recipient has unsubscribed from. */
export const TRANSACTIONAL = 'transactional';

export const NewMail = MailRequested.data;
export type NewMail = Static<typeof NewMail>;

const Nullable = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const Moment = Type.String({ format: 'date-time' });

export const Mail = Type.Object({
  id: Type.String({ description: 'Also the left part of its Message-ID' }),
  event_id: Type.String({ description: 'What it tells of' }),
  template: Type.String(),
  user_id: Nullable('The person it is for, where it was asked for a person'),
  address: Nullable('Null until sending has begun, where it was asked for a person'),
  name: Nullable('As the address'),
  subject: Nullable('Null until sending has begun'),
  category: Nullable('Null until sending has begun'),
  status: Type.Union([
    Type.Literal('queued'),
    Type.Literal('sending'),
    Type.Literal('sent'),
    Type.Literal('failed'),
    Type.Literal('unsubscribed'),
  ]),
  attempts: Type.Integer(),
  reason: Nullable('Why it failed, or was put off the last time'),
  created_at: Moment,
  sent_at: Type.Union([Moment, Type.Null()]),
});
export type Mail = Static<typeof Mail>;
export const MailPage = PageOf(Mail);

/** What the worker says when it begins. */
export const Beginning = Type.Object({
  event_id: Uuid,
  template: Type.String({ minLength: 1, maxLength: 64 }),
  user_id: Type.Optional(Uuid),
  address: MailAddress,
  name: Type.String({ maxLength: 200 }),
  subject: Type.String({ minLength: 1, maxLength: 255 }),
  category: Type.String({ minLength: 1, maxLength: 32 }),
});
export type Beginning = Static<typeof Beginning>;

export const Ending = Type.Object({
  mail_id: Uuid,
  attempt: Type.Integer({ minimum: 1 }),
  outcome: Type.Union([Type.Literal('sent'), Type.Literal('failed'), Type.Literal('deferred')]),
  reason: Type.String({ maxLength: 255 }),
});
export type Ending = Static<typeof Ending>;
