import { afterAll, describe, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { createShares } from '#kit/http/shares/shares';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openRedis } from '#kit/redis/client';
import { callerOf } from '../../../tests/support/call';
import { exportAll, recordsIn } from '../../../tests/support/portability';
import { serverVariable, testDatabase, testRuntime } from '../../../tests/support/servers';
import { testTokens } from '../../../tests/support/tokens';
import { chat } from '..';
import type { ChatDeps } from '../deps';
import { eraseUser } from '../erasure';
import { openRoomRegistry } from '../live/room-registry';
import { createMessageWriter } from '../messages/writer';
import { chatPortability } from '../portability';
import { roomInvitations } from '../schema';
import { deleteAnswered, hideInvitationsBetween } from './store';

const PER_DAY = 20;

const runtime = testRuntime('chat-invitations');
const tokens = await testTokens();
const storage = await testDatabase();
const { database } = storage;
await migrateDatabase({
  address: storage.address,
  folder: `${import.meta.dir}/../migrations`,
  log: runtime.log,
  signal: runtime.closing,
});
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

/** The users service: pairs of the follower and the followed, and of two people with a block between them. */
const idsByUsername = new Map<string, string>();
const follows = new Set<string>();
const blocks = new Set<string>();

const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: false });
const deps: ChatDeps = {
  runtime,
  database,
  tokens: tokens.verifier,
  live: await openRoomRegistry(runtime, database, redis),
  writer: createMessageWriter(runtime, database, () => undefined),
  findInvited: async (inviterId, username) => {
    const id = idsByUsername.get(username) ?? '';
    return {
      id,
      username,
      followsInviter: follows.has(`${id} ${inviterId}`),
      blocked: blocks.has(`${id} ${inviterId}`) || blocks.has(`${inviterId} ${id}`),
    };
  },
  invitationsPerDay: PER_DAY,
  anonymous: true,
  origins: { allowed: [], loopback: true },
  shares: createShares(runtime.metrics, {
    name: 'rooms',
    limits: { maximum: 20, anonymous: 10, perPerson: 10, perAddress: 10 },
  }),
  clientScope: () => uuidv7(),
  messagesPerSecond: 10,
  recoveryLimit: 10,
};
const call = callerOf(chat(deps));

async function join() {
  const id = uuidv7();
  const username = `guest_${idsByUsername.size}`;
  idsByUsername.set(username, id);
  return { id, username, authorization: await tokens.authorization({ id, username }) };
}
type Guest = Awaited<ReturnType<typeof join>>;

let rooms = 0;
async function createRoom(owner: Guest, members: Guest[] = []): Promise<string> {
  const name = `den-${++rooms}`;
  const body = { name, private: true, members: members.map(({ username }) => username) };
  expect((await call('POST', '/rooms', { ...owner, body })).status).toBe(201);
  return name;
}

const itemsOf = async <Item>(path: string, reader: Guest) =>
  (await call('GET', path, reader)).body.items as Item[];
const invitationsOf = (guest: Guest) =>
  itemsOf<{ id: string; room: string; invited_by: object }>('/rooms/invitations', guest);
const membersOf = async (room: string, reader: Guest) =>
  (await itemsOf<{ username: string }>(`/rooms/${room}/members`, reader))
    .map(({ username }) => username)
    .toSorted();
const waitingFor = async (room: string, owner: Guest) =>
  (await itemsOf<{ username: string }>(`/rooms/${room}/invitations`, owner)).map(({ username }) => username);
const invite = async (room: string, owner: Guest, { username }: Guest) =>
  (await call('PUT', `/rooms/${room}/members/${username}`, owner)).status;
const answer = async (id: string | undefined, guest: Guest, isAccepted: boolean) =>
  isAccepted
    ? call('POST', `/rooms/invitations/${id}/accept`, guest)
    : call('DELETE', `/rooms/invitations/${id}`, guest);

describe('a person who is added to a room', () => {
  test('is invited, and becomes a member by accepting', async () => {
    const [owner, guest, other] = [await join(), await join(), await join()];
    const room = await createRoom(owner, [guest]);
    expect(await membersOf(room, owner)).toEqual([owner.username]);
    const [invitation] = await invitationsOf(guest);
    expect(invitation).toMatchObject({
      room,
      private: true,
      invited_by: { id: owner.id, username: owner.username },
    });
    expect((await answer(invitation?.id, other, true)).status).toBe(404);
    expect((await answer(invitation?.id, guest, true)).body).toMatchObject({ name: room, private: true });
    expect(await membersOf(room, guest)).toEqual([owner.username, guest.username].toSorted());
    expect([await invitationsOf(guest), await waitingFor(room, owner)]).toEqual([[], []]);
    expect((await answer(invitation?.id, guest, true)).status).toBe(404);
  });

  test('is a member at once when they follow the owner', async () => {
    const [owner, follower, late] = [await join(), await join(), await join()];
    for (const one of [follower, late]) follows.add(`${one.id} ${owner.id}`);
    const room = await createRoom(owner, [follower]);
    expect(await invite(room, owner, late)).toBe(204);
    expect(await membersOf(room, late)).toEqual(
      [owner, follower, late].map(({ username }) => username).toSorted(),
    );
    expect([...(await invitationsOf(follower)), ...(await invitationsOf(late))]).toEqual([]);
  });

  test('may decline, and is not asked again on the same day', async () => {
    const [owner, guest] = [await join(), await join()];
    const room = await createRoom(owner, [guest]);
    const [invitation] = await invitationsOf(guest);
    expect((await answer(invitation?.id, guest, false)).status).toBe(204);
    expect(await invite(room, owner, guest)).toBe(204);
    expect(await invitationsOf(guest)).toEqual([]);
    await database
      .update(roomInvitations)
      .set({ createdAt: sql`utc_timestamp(3) - interval 25 hour` })
      .where(eq(roomInvitations.userId, guest.id));
    expect(await invite(room, owner, guest)).toBe(204);
    expect(await invitationsOf(guest)).toHaveLength(1);
  });

  test('may leave, and is invited again; the owner withdraws an invitation', async () => {
    const [owner, guest] = [await join(), await join()];
    const room = await createRoom(owner, [guest]);
    await answer((await invitationsOf(guest))[0]?.id, guest, true);
    const leave = (who: Guest) => call('DELETE', `/rooms/${room}/members/${guest.username}`, who);
    expect((await leave(guest)).status).toBe(204);
    expect(await membersOf(room, owner)).toEqual([owner.username]);
    await invite(room, owner, guest);
    expect([(await invitationsOf(guest)).length, await waitingFor(room, owner)]).toEqual([
      1,
      [guest.username],
    ]);
    expect((await leave(owner)).status).toBe(204);
    expect([await invitationsOf(guest), await waitingFor(room, owner)]).toEqual([[], []]);
  });
});

describe('with a block between two people', () => {
  test('nobody is added or asked, and the responses are the same', async () => {
    const [owner, blocker, other] = [await join(), await join(), await join()];
    blocks.add(`${blocker.id} ${owner.id}`);
    follows.add(`${blocker.id} ${owner.id}`);
    const room = await createRoom(owner, [blocker, other]);
    expect([await invite(room, owner, blocker), await invite(room, owner, other)]).toEqual([204, 204]);
    expect([(await invitationsOf(blocker)).length, (await invitationsOf(other)).length]).toEqual([0, 1]);
    expect((await waitingFor(room, owner)).toSorted()).toEqual([blocker.username, other.username].toSorted());
    const [row] = await database.select().from(roomInvitations).where(eq(roomInvitations.userId, blocker.id));
    expect((await answer(row?.id, blocker, true)).status).toBe(404);
    expect(await membersOf(room, owner)).toEqual([owner.username]);
  });

  test('an invitation that waits disappears', async () => {
    const [owner, guest] = [await join(), await join()];
    const room = await createRoom(owner, [guest]);
    await hideInvitationsBetween(database, guest.id, owner.id);
    expect(await invitationsOf(guest)).toEqual([]);
    expect(await waitingFor(room, owner)).toEqual([guest.username]);
  });
});

test('a person invites a bounded number of people a day, and repeats and answers change nothing', async () => {
  const [owner, ...guests] = await Promise.all(Array.from({ length: PER_DAY + 2 }, join));
  if (owner === undefined) throw new Error('nobody joined');
  const room = await createRoom(owner, guests.slice(0, PER_DAY));
  const [first, last] = [guests[0] as Guest, guests.at(-1) as Guest];
  await answer((await invitationsOf(first))[0]?.id, first, true);
  await deleteAnswered(database, 500);
  const refused = await call('PUT', `/rooms/${room}/members/${last.username}`, owner);
  expect([refused.status, refused.body.code]).toEqual([429, 'chat.too-many-invitations']);
  expect(refused.headers.get('retry-after')).toBe('3600');
  expect(await invitationsOf(last)).toEqual([]);
});

describe('a private room', () => {
  test('is to everybody else as if it did not exist', async () => {
    const [owner, guest, stranger] = [await join(), await join(), await join()];
    const room = await createRoom(owner, [guest]);
    const answersTo = async (name: string, who: Guest | undefined) => {
      const id = uuidv7();
      const requests: [string, string, object?][] = [
        ['GET', 'info'],
        ['GET', 'messages'],
        ['GET', 'members'],
        ['GET', 'invitations'],
        ['PUT', `members/${guest.username}`],
        ['DELETE', `members/${guest.username}`],
        ['PATCH', `messages/${id}`, { message: 'x' }],
        ['DELETE', `messages/${id}`],
      ];
      const answers: unknown[] = [];
      for (const [method, path, body] of requests) {
        const answered = await call(method, `/rooms/${name}/${path}`, { ...who, ...(body && { body }) });
        const { request_id: _, ...told } = answered.body;
        const headers = Object.fromEntries(answered.headers);
        delete headers['x-request-id'];
        answers.push([method, path.replace(id, ''), answered.status, headers, told]);
      }
      return JSON.stringify(answers).replaceAll(name, 'a room').replaceAll(id, 'an id');
    };
    for (const who of [stranger, guest, undefined])
      expect(await answersTo(room, who)).toBe(await answersTo(`den-${++rooms}`, who));
  });

  test('leaves its name to others, who see their own', async () => {
    const [owner, stranger, guest] = [await join(), await join(), await join()];
    const name = await createRoom(owner, [guest]);
    const create = (who: Guest, isPrivate: boolean) =>
      call('POST', '/rooms', { ...who, body: { name, private: isPrivate } });
    expect((await create(owner, true)).body.code).toBe('chat.room-exists');
    expect((await create(stranger, true)).status).toBe(201);
    expect((await create(guest, false)).status).toBe(201);
    expect((await create(owner, false)).body.code).toBe('chat.room-exists');
    const infoOf = async (who?: Guest) => (await call('GET', `/rooms/${name}/info`, who)).body.private;
    expect([await infoOf(owner), await infoOf(stranger), await infoOf(guest), await infoOf()]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const listed: unknown[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await call('GET', `/rooms?limit=1${cursor}`, owner);
      listed.push(
        ...(body.items as { name: string; private: boolean }[]).filter((room) => room.name === name),
      );
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(listed).toHaveLength(2);
    // A guest who owns a room of that name could not tell them apart.
    await create(guest, true);
    const [invitation] = await invitationsOf(guest);
    expect((await answer(invitation?.id, guest, true)).body.code).toBe('chat.room-exists');
    expect(await invitationsOf(guest)).toHaveLength(1);
  });
});

test('an archive has the invitations of a person, and erasure leaves none', async () => {
  const [owner, guest, blocker] = [await join(), await join(), await join()];
  blocks.add(`${blocker.id} ${owner.id}`);
  const room = await createRoom(owner, [guest, blocker]);
  const exported = async ({ id }: Guest) =>
    recordsIn(await exportAll(chatPortability({ database }), id)).invitations;
  const sent = { room, is_sent: true, state: 'pending' };
  expect((await exported(owner))?.map(({ username, ...rest }) => rest)).toMatchObject([sent, sent]);
  expect(await exported(guest)).toMatchObject([{ room, username: owner.username, is_sent: false }]);
  expect(await exported(blocker)).toEqual([]);
  await eraseUser({ database }, guest.id);
  expect(await exported(owner)).toHaveLength(1);
  await eraseUser({ database }, owner.id);
  const left = await database.select().from(roomInvitations);
  expect(left.filter(({ inviterId, userId }) => [inviterId, userId].includes(owner.id))).toEqual([]);
});
