import { afterAll, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { oldDatabase } from '../../tests/support/old-database';
import { backfillClientKeys } from './messages/backfill';
import { findRoom, insertRoom as insertPublic } from './rooms/store';
import { messages, roomMembers, rooms } from './schema';

const storage = await oldDatabase('chat', '0000_rooms-and-messages');
afterAll(storage.drop);
const { database } = storage;

const [ada, bob] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
const bytes = (uuid: string) => Buffer.from(uuid.replaceAll('-', ''), 'hex');
const epoch = () => bytes(Bun.randomUUIDv7());
let seq = 0;
const insertMessage = (senderId: string, clientId: string | null) =>
  database.execute(sql`
    insert into messages (room_id, seq, id, sender_id, username, message, client_id, sent_at)
    values (1, ${++seq}, ${epoch()}, ${bytes(senderId)}, 'ada', 'hello', ${clientId}, utc_timestamp(3))`);
const insertRoom = (name: string, isPrivate = false) =>
  database.execute(sql`
    insert into rooms (name, epoch, is_private, created_at)
    values (${name}, ${epoch()}, ${isPrivate}, utc_timestamp(3))`);

test('data of the first version gets canonical keys, and nothing is lost', async () => {
  const names = ['lobby', ' lobby', '\u00a0solo', '..', 'a%2Fb', 'Café'];
  for (const name of names) await insertRoom(name);
  await insertRoom('club', true);
  const members = [
    [ada, 'Ada', '2026-01-02'],
    [bob, 'bob', '2026-01-01'],
  ] as const;
  for (const [id, username, addedAt] of members)
    await database.execute(
      sql`insert into room_members values (${names.length + 1}, ${bytes(id)}, ${username}, ${addedAt})`,
    );
  const nobody = '00000000-0000-0000-0000-000000000000';
  await insertMessage(ada, 'k');
  await insertMessage(bob, 'k');
  await insertMessage(ada, 'e\u0301');
  await insertMessage(ada, 'é');
  await insertMessage(ada, ' k');
  await insertMessage(ada, null);
  await insertMessage(nobody, 'k');

  await storage.migrate();
  await backfillClientKeys(database);
  await backfillClientKeys(database);

  const stored = await database.select().from(messages).orderBy(messages.seq);
  expect(
    stored.map(({ senderId, clientId, clientScope, clientKey }) => [
      clientId,
      clientScope === senderId,
      clientKey,
    ]),
  ).toEqual([
    ['k', true, 'k'],
    ['k', true, 'k'],
    ['e\u0301', true, 'é'],
    ['é', false, null],
    [' k', false, null],
    [null, false, null],
    ['k', false, null],
  ]);
  expect(stored.map(({ clientScope }) => clientScope)).not.toContain('ffffffff-ffff-ffff-ffff-ffffffffffff');
  const found = await database.select().from(rooms).orderBy(rooms.id);
  expect(found.map(({ name }) => name)).toEqual([
    'lobby',
    expect.stringMatching(/^lobby-[0-9a-f]{12}$/),
    'solo',
    expect.stringMatching(/^room-[0-9a-f]{12}$/),
    expect.stringMatching(/^room-[0-9a-f]{12}$/),
    'Café',
    'club',
  ]);
  expect(found.at(-1)?.ownerId).toBe(bob);
  expect((await database.select().from(roomMembers)).map(({ username }) => username).toSorted()).toEqual([
    'ada',
    'bob',
  ]);
});

test('members of a private room keep it, and its name is free for a public one', async () => {
  const [club] = await database.select().from(rooms).where(eq(rooms.name, 'club'));
  expect((await findRoom(database, 'club', ada))?.id).toBe(club?.id);
  expect(await findRoom(database, 'club', null)).toBeUndefined();
  const room = { name: 'club', epoch: Bun.randomUUIDv7(), isPrivate: false, ownerId: null };
  expect(await insertPublic(database, room)).toBeNumber();
  expect(await insertPublic(database, { ...room, epoch: Bun.randomUUIDv7() })).toBeUndefined();
  expect((await findRoom(database, 'club', bob))?.isPrivate).toBe(true);
});
