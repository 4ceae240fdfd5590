import { Elysia } from 'elysia';
import { platform } from '#kit/http/platform';
import { connectionRoutes } from './connections/routes';
import type { ChatDeps } from './deps';
import * as invitationsModel from './invitations/model';
import { invitationRoutes } from './invitations/routes';
import * as membersModel from './members/model';
import { memberRoutes } from './members/routes';
import * as messagesModel from './messages/model';
import { messageRoutes } from './messages/routes';
import * as roomsModel from './rooms/model';
import { roomRoutes } from './rooms/routes';

export const chat = (deps: ChatDeps) =>
  new Elysia({ name: 'chat' })
    .use(
      platform(deps.runtime, {
        description:
          'Chat rooms over WebSockets: ordered real-time delivery with recovery after a reconnect.',
        schemas: { ...invitationsModel, ...membersModel, ...messagesModel, ...roomsModel },
        tags: {
          Chat: 'The WebSocket of a room.',
          Rooms: 'Public and private rooms.',
          Messages: 'Messages that were sent in a room.',
          Members: 'Who may join a private room.',
          Invitations: 'Of people to rooms, which they accept or decline.',
        },
      }),
    )
    .use(connectionRoutes(deps))
    .use(roomRoutes(deps))
    .use(messageRoutes(deps))
    .use(memberRoutes(deps))
    .use(invitationRoutes(deps));
