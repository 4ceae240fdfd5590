import { EXPORT_PAGE_SIZE, exportedPage, portabilityGrpc } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listMemberships } from './members/store';
import { listMessagesOf } from './messages/store';
import { messageView } from './messages/views';

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
