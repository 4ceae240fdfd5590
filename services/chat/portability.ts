import { EXPORT_PAGE_SIZE, exportedPage, portabilityGrpc } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listInvitationsOf } from './invitations/store';
import { listMemberships } from './members/store';
import { listMessagesOf } from './messages/store';
import { messageView } from './messages/views';

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** The data of people in this service. A conversation also belongs to the others in it: it cannot be imported. */
export const chatPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'rooms',
      async exportPage(userId, cursor) {
        const page = { afterRoomId: Number(cursor ?? 0), limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listMemberships(database, userId, page), {
          key: ({ room }) => String(room.id),
          record: ({ room, addedAt }) => ({
            data: {
              name: room.name,
              private: room.isPrivate,
              is_owner: room.ownerId === userId,
              created_at: room.createdAt.toISOString(),
              added_at: addedAt.toISOString(),
            },
          }),
        });
      },
    },
    {
      name: 'invitations',
      async exportPage(userId, cursor) {
        const page = { afterId: cursor ?? FIRST_ID, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listInvitationsOf(database, userId, page), {
          key: ({ invitation }) => invitation.id,
          record: ({ invitation, room }) => {
            const isSent = invitation.inviterId === userId;
            return {
              data: {
                room,
                username: isSent ? invitation.username : invitation.inviterName,
                is_sent: isSent,
                // Whether the other person sees it is theirs to know.
                state: invitation.state === 'hidden' ? 'pending' : invitation.state,
                created_at: invitation.createdAt.toISOString(),
              },
            };
          },
        });
      },
    },
    {
      name: 'messages',
      async exportPage(userId, cursor) {
        const [roomId = 0, seq = 0] = (cursor ?? '').split('/').map(Number);
        const page = { after: { roomId, seq }, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listMessagesOf(database, userId, page), {
          key: ({ message }) => `${message.roomId}/${message.seq}`,
          record: ({ message, room }) => ({ data: messageView(room, message) }),
        });
      },
    },
  ]);
