import { type Static, Type } from '@sinclair/typebox';
import { PageOf } from '#kit/http/lists/pagination';
import { RoomName, Timestamp, Username } from '../rooms/model';

export const Member = Type.Object({ username: Type.String(), added_at: Timestamp });
export type Member = Static<typeof Member>;
export const MemberPage = PageOf(Member);

export const MemberParams = Type.Object({ room_name: RoomName, username: Username });
