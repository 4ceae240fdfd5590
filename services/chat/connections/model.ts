import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { text } from '#kit/text/schema';
import { AvatarUrl, MessageText, PhoneNumber } from '../messages/model';

export const OriginRefused = defineProblem('chat.origin-refused', 403, 'Origin not allowed');
export const UpgradeRequired = defineProblem('chat.upgrade-required', 426, 'WebSocket upgrade required');
export const ChatFull = defineProblem('chat.full', 503, 'Too many connections');

/** The frames that clients send. A frame without a type is a message. */
export const Inbound = Type.Union([
  Type.Object({
    type: Type.Optional(Type.Literal('message')),
    message: MessageText,
    phone_number: Type.Optional(PhoneNumber('Shown beside the message')),
    avatar: Type.Optional(AvatarUrl('URL of a picture of the sender')),
    client_id: Type.Optional(
      text(
        { max: 64, maxUnits: 64 },
        { description: 'Idempotency key: repeats of the same sender with the same one are stored once' },
      ),
    ),
  }),
  Type.Object({ type: Type.Literal('typing') }),
]);
export type Inbound = Static<typeof Inbound>;
export type InboundMessage = Exclude<Inbound, { type: 'typing' }>;

export const Handshake = Type.Object({
  after_seq: Type.Optional(
    t.Integer({ minimum: 0, description: 'The last seq the client has: everything after it is sent first' }),
  ),
  epoch: Type.Optional(
    Type.String({ maxLength: 36, description: 'The epoch that seq belongs to, from the `joined` frame' }),
  ),
  session: Type.Optional(
    Type.String({
      minLength: 16,
      maxLength: 64,
      pattern: '^[A-Za-z0-9-]+$',
      description:
        'A random id that an anonymous client keeps: its client ids are apart from those of others at its address',
    }),
  ),
  token: Type.Optional(
    Type.String({ maxLength: 8_192, description: 'An access token, for clients that cannot set headers' }),
  ),
});
export type Handshake = Static<typeof Handshake>;
