import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction } from '#kit/mysql/database';
import { usernameKey } from '#kit/text/identity';
import type { ChatDeps } from '../deps';
import { addOrInvite, resolveInvited } from '../invitations/service';
import { withdrawInvitation } from '../invitations/store';
import { requireOwnRoom, requireReadableRoom } from '../rooms/access';
import { NotTheOwner } from '../rooms/model';
import type { Member } from './model';
import * as store from './store';

export interface MemberTarget {
  readonly room_name: string;
  readonly username: string;
}

export async function listMembers(
  deps: ChatDeps,
  caller: Caller,
  roomName: string,
  query: PageQuery,
): Promise<Page<Member>> {
  const room = await requireReadableRoom(deps, caller, roomName);
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listMembers(deps.database, room.id, {
    afterUserId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(
    rows,
    limit,
    (row) => [row.userId],
    (row) => ({ username: row.username, added_at: row.addedAt.toISOString() }),
  );
}

/** Adds somebody who follows the owner, and invites everybody else. Idempotent; the response is the same. */
export async function addMember(deps: ChatDeps, caller: Caller, target: MemberTarget): Promise<void> {
  const room = await requireOwnRoom(deps, caller, target.room_name, 'Only the owner of a room adds members.');
  const people = await resolveInvited(deps, caller, [target.username]);
  await inTransaction(deps.database, (transaction) =>
    addOrInvite(deps, transaction, { roomId: room.id, inviter: caller }, people),
  );
}

/** Members may leave; the owner may remove everybody else, and withdraws an invitation by it. Idempotent. */
export async function removeMember(deps: ChatDeps, caller: Caller, target: MemberTarget): Promise<void> {
  const room = await requireReadableRoom(deps, caller, target.room_name);
  const isSelf = usernameKey(target.username) === usernameKey(caller.username);
  if (isSelf && room.ownerId === caller.id)
    throw new Forbidden({ detail: 'The owner of a room cannot leave it.' });
  if (!isSelf && room.ownerId !== caller.id)
    throw new NotTheOwner({ detail: 'Only the owner of a room removes other members.' });
  await withdrawInvitation(deps.database, room.id, target.username);
  const removed = await store.removeMember(deps.database, room.id, target.username);
  if (room.isPrivate && removed.length > 0) deps.live.disconnectUsers(room, removed);
}
