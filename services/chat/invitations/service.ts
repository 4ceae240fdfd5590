import type { Caller } from '#kit/auth/caller';
import { isUuid } from '#kit/core/ids';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { usernameKey } from '#kit/text/identity';
import type { ChatDeps } from '../deps';
import { addMembers, filterMembers } from '../members/store';
import type { InvitedUser } from '../members/users';
import { requireOwnRoom } from '../rooms/access';
import { type Room, RoomNotFound } from '../rooms/model';
import { assertNoOwn } from '../rooms/own-rooms';
import { findRoomById } from '../rooms/store';
import { roomView } from '../rooms/views';
import { type Invitation, InvitationNotFound, type SentInvitation, TooManyInvitations } from './model';
import * as store from './store';

/** Further invitations of a person are hidden from them until they have answered some. */
const MAX_PENDING = 100;
const RETRY_AFTER_SECONDS = 3_600;

/** The people behind usernames, without the inviter. */
export async function resolveInvited(
  deps: Pick<ChatDeps, 'findInvited'>,
  inviter: Caller,
  usernames: readonly string[],
): Promise<InvitedUser[]> {
  const names = [...new Set(usernames.map(usernameKey))];
  const found = await Promise.all(names.map((username) => deps.findInvited(inviter.id, username)));
  return found.filter(({ id }) => id !== inviter.id);
}

/**
 * Adds people who follow the inviter, and invites the others. With a block between the two the invitation is hidden from
 * the invited person, which the inviter is not told.
 *
 * @throws TooManyInvitations
 */
export async function addOrInvite(
  deps: Pick<ChatDeps, 'invitationsPerDay'>,
  transaction: Transaction,
  { roomId, inviter }: { roomId: number; inviter: Caller },
  people: readonly InvitedUser[],
): Promise<void> {
  const ids = people.map(({ id }) => id);
  const members = await filterMembers(transaction, roomId, ids);
  const others = people.filter(({ id }) => !members.has(id));
  const [followers, invited] = [
    others.filter(({ followsInviter, blocked }) => followsInviter && !blocked),
    others.filter(({ followsInviter, blocked }) => !followsInviter || blocked),
  ];
  await addMembers(transaction, roomId, followers);
  for (const user of invited) {
    if ((await store.countSentToday(transaction, inviter.id)) >= deps.invitationsPerDay)
      throw new TooManyInvitations({
        detail: 'Invite further people tomorrow.',
        headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
      });
    const isHidden = user.blocked || (await store.countPending(transaction, user.id)) >= MAX_PENDING;
    await store.invite(transaction, { roomId, user, inviter, state: isHidden ? 'hidden' : 'pending' });
  }
}

export async function listReceived(
  deps: ChatDeps,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Invitation>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const page = { before: after?.[0] ?? null, limit: limit + 1 };
  const rows = await store.listReceived(deps.database, caller.id, page);
  return toPage(
    rows,
    limit,
    ({ invitation }) => [invitation.id],
    ({ invitation, room }) => ({
      id: invitation.id,
      room: room.name,
      private: room.isPrivate,
      invited_by: { id: invitation.inviterId, username: invitation.inviterName },
      created_at: invitation.createdAt.toISOString(),
    }),
  );
}

export async function listSent(
  deps: ChatDeps,
  caller: Caller,
  roomName: string,
  query: PageQuery,
): Promise<Page<SentInvitation>> {
  const room = await requireOwnRoom(
    deps,
    caller,
    roomName,
    'Only the owner of a room lists its invitations.',
  );
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const rows = await store.listSent(deps.database, room.id, { before: after?.[0] ?? null, limit: limit + 1 });
  return toPage(
    rows,
    limit,
    (row) => [row.id],
    (row) => ({ username: row.username, created_at: row.createdAt.toISOString() }),
  );
}

/** @throws InvitationNotFound, RoomExists for a member of another private room of that name */
export async function accept(deps: ChatDeps, caller: Caller, id: string): Promise<Room> {
  const room = await inTransaction(deps.database, async (transaction) => {
    const invitation = await requirePending(transaction, caller, id);
    const found = await findRoomById(transaction, invitation.roomId);
    if (found?.isPrivate) await assertNoOwn(transaction, caller.id, found.name);
    await store.answer(transaction, id, 'accepted');
    await addMembers(transaction, invitation.roomId, [{ id: caller.id, username: caller.username }]);
    return found;
  });
  if (room === undefined) throw new RoomNotFound();
  return roomView(room);
}

/** @throws InvitationNotFound */
export async function decline(deps: ChatDeps, caller: Caller, id: string): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await requirePending(transaction, caller, id);
    await store.answer(transaction, id, 'declined');
  });
}

async function requirePending(transaction: Transaction, caller: Caller, id: string) {
  const invitation = isUuid(id) ? await store.lockPending(transaction, caller.id, id) : undefined;
  if (invitation === undefined) throw new InvitationNotFound();
  return invitation;
}
