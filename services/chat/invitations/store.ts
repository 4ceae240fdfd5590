import { and, count, desc, eq, gt, inArray, lt, notInArray, or, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { usernameKey } from '#kit/text/identity';
import { roomInvitations, rooms } from '../schema';

export type InvitationRow = typeof roomInvitations.$inferSelect;

/** Those that are older count for no quota, and a declined one may be repeated. */
const aDayAgo = sql`${DATABASE_NOW} - interval 1 day`;

/** The inviter does not know which of these the invited person sees. */
const UNANSWERED = ['pending', 'hidden'] as const;

/** How many people a person has invited within a day. */
export async function countSentToday(transaction: Transaction, inviterId: string): Promise<number> {
  const [counted] = await transaction
    .select({ sent: count() })
    .from(roomInvitations)
    .where(and(eq(roomInvitations.inviterId, inviterId), gt(roomInvitations.createdAt, aDayAgo)));
  return counted?.sent ?? 0;
}

/** How many invitations of a person wait for an answer. */
export async function countPending(transaction: Transaction, userId: string): Promise<number> {
  const [counted] = await transaction
    .select({ pending: count() })
    .from(roomInvitations)
    .where(and(eq(roomInvitations.userId, userId), eq(roomInvitations.state, 'pending')));
  return counted?.pending ?? 0;
}

export interface NewInvitation {
  readonly roomId: number;
  readonly user: { readonly id: string; readonly username: string };
  readonly inviter: { readonly id: string; readonly username: string };
  readonly state: 'pending' | 'hidden';
}

/** Invites a person, unless an invitation waits for their answer or was declined within a day. */
export async function invite(transaction: Transaction, invitation: NewInvitation): Promise<void> {
  const { roomId, user, inviter, state } = invitation;
  const isOfUser = and(eq(roomInvitations.roomId, roomId), eq(roomInvitations.userId, user.id));
  const [earlier] = await transaction
    .select({
      isOpen: sql`${roomInvitations.state} in ('pending', 'hidden')`.mapWith(Boolean),
      isFresh:
        sql`${roomInvitations.state} = 'declined' and ${roomInvitations.createdAt} > ${aDayAgo}`.mapWith(
          Boolean,
        ),
    })
    .from(roomInvitations)
    .where(isOfUser)
    .for('update');
  if (earlier?.isOpen || earlier?.isFresh) return;
  if (earlier !== undefined) await transaction.delete(roomInvitations).where(isOfUser);
  await transaction.insert(roomInvitations).values({
    id: uuidv7(),
    roomId,
    userId: user.id,
    username: user.username,
    inviterId: inviter.id,
    inviterName: inviter.username,
    state,
    createdAt: DATABASE_NOW,
  });
}

/** The invitations that a person sees, newest first. */
export async function listReceived(
  database: Database,
  userId: string,
  page: { before: string | null; limit: number },
): Promise<{ invitation: InvitationRow; room: typeof rooms.$inferSelect }[]> {
  return database
    .select({ invitation: roomInvitations, room: rooms })
    .from(roomInvitations)
    .innerJoin(rooms, eq(rooms.id, roomInvitations.roomId))
    .where(
      and(
        eq(roomInvitations.userId, userId),
        eq(roomInvitations.state, 'pending'),
        page.before === null ? undefined : lt(roomInvitations.id, page.before),
      ),
    )
    .orderBy(desc(roomInvitations.id))
    .limit(page.limit);
}

/** The invitations to a room that were not answered, newest first. */
export async function listSent(
  database: Database,
  roomId: number,
  page: { before: string | null; limit: number },
): Promise<InvitationRow[]> {
  return database
    .select()
    .from(roomInvitations)
    .where(
      and(
        eq(roomInvitations.roomId, roomId),
        inArray(roomInvitations.state, [...UNANSWERED]),
        page.before === null ? undefined : lt(roomInvitations.id, page.before),
      ),
    )
    .orderBy(desc(roomInvitations.id))
    .limit(page.limit);
}

/** All invitations from and to a person, in the order of their ids. */
export async function listInvitationsOf(
  database: Database,
  userId: string,
  page: { afterId: string; limit: number },
): Promise<{ invitation: InvitationRow; room: string }[]> {
  return database
    .select({ invitation: roomInvitations, room: rooms.name })
    .from(roomInvitations)
    .innerJoin(rooms, eq(rooms.id, roomInvitations.roomId))
    .where(
      and(
        gt(roomInvitations.id, page.afterId),
        or(
          eq(roomInvitations.inviterId, userId),
          // What is hidden from a person is not in their archive.
          and(eq(roomInvitations.userId, userId), sql`${roomInvitations.state} <> 'hidden'`),
        ),
      ),
    )
    .orderBy(roomInvitations.id)
    .limit(page.limit);
}

/** Locks an invitation that waits for its answer. */
export async function lockPending(
  transaction: Transaction,
  userId: string,
  id: string,
): Promise<InvitationRow | undefined> {
  const [invitation] = await transaction
    .select()
    .from(roomInvitations)
    .where(
      and(
        eq(roomInvitations.id, id),
        eq(roomInvitations.userId, userId),
        eq(roomInvitations.state, 'pending'),
      ),
    )
    .for('update');
  return invitation;
}

export async function answer(
  transaction: Transaction,
  id: string,
  state: 'accepted' | 'declined',
): Promise<void> {
  await transaction.update(roomInvitations).set({ state }).where(eq(roomInvitations.id, id));
}

/** Ends the unanswered invitation of a username to a room, which still counts for its inviter. Idempotent. */
export async function withdrawInvitation(
  database: Database,
  roomId: number,
  username: string,
): Promise<void> {
  await database
    .update(roomInvitations)
    .set({ state: 'withdrawn' })
    .where(
      and(
        eq(roomInvitations.roomId, roomId),
        eq(roomInvitations.username, usernameKey(username)),
        inArray(roomInvitations.state, [...UNANSWERED]),
      ),
    );
}

/** Hides the invitations that two people have sent each other and not answered. Idempotent. */
export async function hideInvitationsBetween(database: Database, one: string, other: string): Promise<void> {
  const { inviterId, userId, state } = roomInvitations;
  await database
    .update(roomInvitations)
    .set({ state: 'hidden' })
    .where(
      and(
        eq(state, 'pending'),
        or(and(eq(inviterId, one), eq(userId, other)), and(eq(inviterId, other), eq(userId, one))),
      ),
    );
}

/** Deletes the invitations from and to an erased user. */
export async function deleteInvitationsOf(database: Database, userId: string): Promise<void> {
  await database
    .delete(roomInvitations)
    .where(or(eq(roomInvitations.userId, userId), eq(roomInvitations.inviterId, userId)));
}

/** @returns the number of deleted invitations, at most `limit` */
export async function deleteAnswered(database: Database, limit: number): Promise<number> {
  const [result] = await database
    .delete(roomInvitations)
    .where(and(lt(roomInvitations.createdAt, aDayAgo), notInArray(roomInvitations.state, [...UNANSWERED])))
    .limit(limit);
  return result.affectedRows;
}
