import type { Room } from './model';
import type { RoomRow } from './store';

export const roomView = (row: RoomRow): Room => ({
  name: row.name,
  private: row.isPrivate,
  last_seq: row.lastSeq,
  created_at: row.createdAt.toISOString(),
});
