import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { enterRoom, person, startChat } from '../../tests/support/chat';
import { eventually } from '../../tests/support/eventually';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { eraseUser } from './erasure';
import { addMembers } from './members/store';
import { chatPortability } from './portability';
import { findRoom } from './rooms/store';
import { messages, rooms } from './schema';

let chat: Awaited<ReturnType<typeof startChat>>;
/** Two instances. */
let one: string;
let other: string;

beforeAll(async () => {
  chat = await startChat();
  [one, other] = (await Promise.all([chat.start(), chat.start()])).map(({ url }) => url) as [string, string];
}, 60_000);
afterAll(() => chat.stop(), 60_000);

let numbered = 0;
const newRoom = () => `room-${++numbered}`;

async function call(
  base: string,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers };
}

/** The status and problem code of a refused handshake. */
async function handshake(base: string, room: string, headers: Record<string, string> = {}, query = '') {
  const { status, body } = await call(base, 'GET', `/ws/${room}${query}`, {
    headers: {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  });
  return { status, code: body.code };
}

describe('messages', () => {
  test('are delivered with the same number to every connection of the room, the sender included, on every instance', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const here = await enterRoom(one, room, { headers: ada.headers });
    const there = await enterRoom(other, room);
    here.sendRaw(
      JSON.stringify({
        message: 'Hi',
        phone_number: '+34600000000',
        avatar: 'https://a.example/1.png',
        client_id: 'c1',
      }),
    );
    const message = await there.got('message');
    expect(message).toEqual({
      type: 'message',
      id: expect.any(String),
      seq: 1,
      room,
      message: 'Hi',
      phone_number: '+34600000000',
      avatar: 'https://a.example/1.png',
      user: { id: ada.id, username: 'ada' },
      sent_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      client_id: 'c1',
    });
    expect(await here.got('message')).toEqual(message);
    there.say('Hello');
    expect(await here.got('message', ({ seq }) => seq === 2)).toMatchObject({ message: 'Hello' });
    expect(here.frames[0]).toMatchObject({ type: 'joined', room, seq: 0, user: { username: 'ada' } });
  });

  test('are accompanied by joined, left and typing signals', async () => {
    const room = newRoom();
    const watcher = await enterRoom(one, room);
    const ada = await person('ada');
    const visitor = await enterRoom(other, room, { headers: ada.headers });
    await watcher.got('joined', ({ user }) => user !== undefined);
    visitor.sendRaw('{"type":"typing"}');
    expect(await watcher.got('typing')).toMatchObject({ room, user: { username: 'ada' } });
    visitor.close();
    expect(await watcher.got('left')).toMatchObject({ room, user: { username: 'ada' } });
  });

  test('repeated with the same client id are stored once, and the sender gets the number of the first', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const first = await enterRoom(one, room, { headers: ada.headers });
    first.say('once', 'same');
    first.say('once', 'same');
    const repeating = await enterRoom(other, room, { headers: ada.headers, query: '?after_seq=0' });
    repeating.say('once', 'same');
    expect(await repeating.got('duplicate')).toMatchObject({ seq: 1, client_id: 'same' });
    const eve = await enterRoom(one, room, { headers: (await person('eve')).headers });
    eve.say('mine', 'same');
    await repeating.got('message', ({ seq }) => seq === 2);
    expect(repeating.sequence().map(({ message }) => message)).toEqual(['once', 'mine']);
    expect(first.frames.filter(({ type }) => type === 'duplicate')).toHaveLength(1);
  });

  test('with client ids that differ in blanks or in composition only are repeats, and harm nobody else', async () => {
    const room = newRoom();
    const ada = await enterRoom(one, room, { headers: (await person('ada')).headers });
    const bob = await enterRoom(one, room, { headers: (await person('bob')).headers });
    ada.say('first', 'k');
    await ada.got('message');
    ada.say('again', 'k ');
    expect(await ada.got('duplicate')).toMatchObject({ seq: 1, client_id: 'k' });
    for (const id of ['é', 'e\u0301', ' é', 'ano', 'año', 'K']) ada.say(id, id);
    for (let count = 0; count < 10; count++) bob.say(`bob ${count}`, `k${' '.repeat(count % 2)}${count}`);
    await bob.got('message', ({ message }) => message === 'bob 9');
    await ada.got('message', ({ message }) => message === 'K');
    expect(ada.sequence().map(({ message }) => message)).toEqual(
      expect.arrayContaining(['first', 'é', 'ano', 'año', 'K']),
    );
    expect(ada.sequence()).toHaveLength(15);
    expect([...ada.frames, ...bob.frames].filter(({ type }) => type === 'error')).toEqual([]);
  });

  test('of anonymous people have client ids of their own, which a session keeps across connections', async () => {
    const room = newRoom();
    const first = await enterRoom(one, room);
    const second = await enterRoom(other, room);
    first.say('from one', '1');
    second.say('from another', '1');
    await first.got('message', ({ seq }) => seq === 2);
    expect(
      first
        .sequence()
        .map(({ message }) => message)
        .toSorted(),
    ).toEqual(['from another', 'from one']);
    // Without a session the address and the text are all there is to know a repeat by.
    second.say('from another', '1');
    expect(await second.got('duplicate')).toMatchObject({ client_id: '1' });
    const session = Bun.randomUUIDv7();
    const back = await enterRoom(other, room, { query: `?session=${session}` });
    back.say('same', '2');
    await back.got('message');
    const again = await enterRoom(one, room, { query: `?session=${session}` });
    again.say('same', '2');
    await again.got('duplicate');
    const stranger = await enterRoom(one, room, { query: `?session=${Bun.randomUUIDv7()}` });
    stranger.say('same', '2');
    await stranger.got('message');
    expect(stranger.frames.filter(({ type }) => type === 'duplicate')).toEqual([]);
  });

  test('with a lone surrogate are refused: what is delivered is what can be read back', async () => {
    const talker = await enterRoom(one, newRoom());
    for (const field of ['message', 'phone_number', 'avatar', 'client_id'])
      talker.sendRaw(`{"message":"a","${field}":"\\ud800"}`);
    await eventually(() => talker.frames.filter(({ type }) => type === 'error').length === 4);
    expect(talker.sequence()).toEqual([]);
  });

  test('sent concurrently on two instances form one sequence, the same for all connections', async () => {
    const room = newRoom();
    const talkers = await Promise.all([one, other, one, other].map((base) => enterRoom(base, room)));
    for (let count = 0; count < 25; count++) for (const talker of talkers) talker.say(`message ${count}`);
    const expected = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const talker of talkers) {
      await talker.got('message', ({ seq }) => seq === 100);
      expect(talker.sequence().map(({ seq }) => seq)).toEqual(expected);
      expect(talker.sequence()).toEqual(talkers[0]?.sequence() ?? []);
    }
  });

  test('that are invalid frames get an error that echoes nothing, and too many close the connection', async () => {
    const talker = await enterRoom(one, newRoom());
    talker.sendRaw('{"message": "secret');
    const error = await talker.got('error');
    expect(error).toMatchObject({ code: 'chat.invalid-frame' });
    expect(JSON.stringify(error)).not.toContain('secret');
    for (let count = 0; count < 25; count++) talker.sendRaw('nonsense');
    expect(await talker.closed).toBe(3509);
  });

  test('beyond the rate limit are refused with their client id, and not delivered', async () => {
    const room = newRoom();
    const talker = await enterRoom(one, room);
    const answers = (...types: string[]) => talker.frames.filter(({ type }) => types.includes(type)).length;
    // More than the limit at once. A slow machine spreads them, which admits more.
    for (let said = 0; answers('error') === 0; ) {
      for (let count = 0; count < 60; count++) talker.say('again', String(said++));
      await eventually(() => answers('message', 'error') >= said);
    }
    const refused = await talker.got('error');
    expect(refused).toMatchObject({ code: 'chat.rate-limited', client_id: expect.any(String) });
    await talker.got('message', ({ seq }) => seq === 40);
    expect(talker.sequence().map(({ client_id }) => client_id)).not.toContain(refused.client_id);
  });

  test('keep their text exactly, up to 64 KiB', async () => {
    const room = newRoom();
    const talker = await enterRoom(one, room);
    const texts = ['ñandú 🐦 \u0000 "quoted" \\', 'a'.repeat(65_000)];
    for (const text of texts) talker.say(text);
    await talker.got('message', ({ seq }) => seq === 2);
    expect(talker.sequence().map(({ message }) => message)).toEqual(texts);
    const { body } = await call(other, 'GET', `/rooms/${room}/messages`);
    expect(body.items.map(({ message }: { message: string }) => message)).toEqual(texts);
  });
});

describe('recovery', () => {
  test('with after_seq sends exactly what was missed, edits and deletions included, then live frames', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const talker = await enterRoom(one, room, { headers: ada.headers });
    for (const text of ['one', 'two', 'three']) talker.say(text);
    const third = await talker.got('message', ({ seq }) => seq === 3);
    await call(one, 'PATCH', `/rooms/${room}/messages/${third.id}`, {
      body: { message: 'drei' },
      headers: ada.headers,
    });
    await talker.got('edited');
    const back = await enterRoom(other, room, { query: '?after_seq=1' });
    await back.got('edited');
    talker.say('five');
    await back.got('message', ({ seq }) => seq === 5);
    expect(back.frames[1]).toMatchObject({ type: 'recovered', recovered: true });
    expect(back.sequence().map(({ type, seq, message }) => [type, seq, message])).toEqual([
      ['message', 2, 'two'],
      // Recovery sends the current text, and the edit in its turn.
      ['message', 3, 'drei'],
      ['edited', 4, 'drei'],
      ['message', 5, 'five'],
    ]);
  });

  test('is refused for another epoch of the room and for an unknown number', async () => {
    const room = newRoom();
    const talker = await enterRoom(one, room);
    talker.say('hello');
    await talker.got('message');
    const epoch = String(talker.frames[0]?.epoch);
    for (const [query, recovered] of [
      [`?after_seq=1&epoch=${epoch}`, true],
      ['?after_seq=1&epoch=another', false],
      ['?after_seq=99', false],
    ] as const) {
      const back = await enterRoom(other, room, { query });
      expect(await back.got('recovered')).toMatchObject({ recovered, seq: 1, epoch });
    }
  });

  test('beyond the recovery limit is refused, and live frames follow', async () => {
    const room = newRoom();
    const { url } = await chat.start({ CHAT_RECOVERY_LIMIT: '3' });
    const talker = await enterRoom(one, room);
    for (let count = 0; count < 5; count++) talker.say('hello');
    await talker.got('message', ({ seq }) => seq === 5);
    const late = await enterRoom(url, room, { query: '?after_seq=1' });
    expect(await late.got('recovered')).toMatchObject({ recovered: false, seq: 5 });
    talker.say('six');
    await late.got('message');
    expect(late.sequence().map(({ seq }) => seq)).toEqual([6]);
    const soon = await enterRoom(url, room, { query: '?after_seq=3' });
    await soon.got('message', ({ seq }) => seq === 6);
    expect(soon.sequence().map(({ seq }) => seq)).toEqual([4, 5, 6]);
  });

  test('history is paginated in both directions without gaps or duplicates', async () => {
    const room = newRoom();
    const talker = await enterRoom(one, room);
    for (let count = 1; count <= 7; count++) talker.say(String(count));
    await talker.got('message', ({ seq }) => seq === 7);
    const readAll = async (query: string) => {
      const pages: number[][] = [];
      let cursor = '';
      for (;;) {
        const { body } = await call(other, 'GET', `/rooms/${room}/messages?limit=3&${query}${cursor}`);
        pages.push(body.items.map(({ seq }: { seq: number }) => seq));
        if (body.next_cursor === null) return pages;
        cursor = `&cursor=${body.next_cursor}`;
      }
    };
    expect(await readAll('')).toEqual([[5, 6, 7], [2, 3, 4], [1]]);
    expect(await readAll('after_seq=2')).toEqual([
      [3, 4, 5],
      [6, 7],
    ]);
    expect(await readAll('before_seq=3')).toEqual([[1, 2]]);
  });
});

describe('edits and deletions', () => {
  test('are for the author; moderators may delete; the room is notified, and the text is erased', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const eve = await person('eve');
    const moderator = await person('mod', { permissions: ['chat:moderate'] });
    const talker = await enterRoom(one, room, { headers: ada.headers });
    talker.say('original');
    const { id } = await talker.got('message');
    const path = `/rooms/${room}/messages/${id}`;
    const edit = { body: { message: 'changed' } };
    expect((await call(one, 'PATCH', path, edit)).status).toBe(401);
    expect((await call(one, 'PATCH', path, { ...edit, headers: eve.headers })).body.code).toBe(
      'chat.not-the-author',
    );
    expect((await call(one, 'DELETE', path, { headers: eve.headers })).status).toBe(403);
    const edited = await call(other, 'PATCH', path, { ...edit, headers: ada.headers });
    expect(edited.body).toMatchObject({ message: 'changed', seq: 1, edited_at: expect.any(String) });
    expect(await talker.got('edited')).toMatchObject({ seq: 2, id, message_seq: 1, message: 'changed' });
    expect((await call(other, 'DELETE', path, { headers: moderator.headers })).status).toBe(204);
    expect(await talker.got('deleted')).toMatchObject({ seq: 3, id, message_seq: 1 });
    expect((await call(other, 'DELETE', path, { headers: ada.headers })).status).toBe(404);
    const { body } = await call(one, 'GET', `/rooms/${room}/messages`);
    expect(body.items).toMatchObject([{ seq: 1, message: '', deleted_at: expect.any(String) }]);
  });

  test('erasing a user deletes their messages, and those in the room are told', async () => {
    const room = newRoom();
    const [ada, bob] = [await person('ada'), await person('bob')];
    const talker = await enterRoom(one, room, { headers: ada.headers });
    const watcher = await enterRoom(other, room, { headers: bob.headers });
    watcher.say('of another');
    await talker.got('message');
    for (const clientId of ['a', 'b'])
      talker.sendRaw(
        JSON.stringify({
          message: 'words',
          phone_number: '+34',
          avatar: 'https://a.example/x',
          client_id: clientId,
        }),
      );
    await talker.got('message', ({ seq }) => seq === 3);
    await eraseUser({ database: chat.storage.database }, ada.id);
    await watcher.got('deleted', ({ message_seq }) => message_seq === 2);
    await watcher.got('deleted', ({ message_seq }) => message_seq === 3);
    const { body } = await call(one, 'GET', `/rooms/${room}/messages`);
    expect(JSON.stringify(body)).not.toContain(ada.id);
    expect(body.items).toMatchObject([
      { message: 'of another', user: { username: 'bob' } },
      { message: '', phone_number: null, avatar: null, deleted_at: expect.any(String) },
      { message: '', phone_number: null, avatar: null, deleted_at: expect.any(String) },
    ]);
    expect(body.items[1]).not.toHaveProperty('user');
    expect(body.items[1]).not.toHaveProperty('client_id');
  });

  test('erasing a user deletes public rooms in which nobody else has written', async () => {
    const { database } = chat.storage;
    const [ada, bob] = [await person('ada'), await person('bob')];
    const [joined, own, shared] = [newRoom(), newRoom(), newRoom()];
    await call(one, 'POST', '/rooms', { body: { name: own }, headers: ada.headers });
    for (const name of [joined, own, shared]) {
      const talker = await enterRoom(one, name, { headers: ada.headers });
      talker.say('words');
      await talker.got('message');
      talker.close();
    }
    const other = await enterRoom(one, shared, { headers: bob.headers });
    other.say('of another');
    await other.got('message');
    await eraseUser({ database }, ada.id);
    for (const name of [joined, own]) expect(await findRoom(database, name, null)).toBeUndefined();
    expect(await findRoom(database, shared, null)).toBeDefined();
  });
});

describe('copies in memory', () => {
  /** Recovers on both instances, with what they have buffered. */
  const replays = async (room: string, last: number) => {
    const frames: string[] = [];
    for (const base of [one, other]) {
      const back = await enterRoom(base, room, { query: '?after_seq=0' });
      await eventually(() => back.sequence().at(-1)?.seq === last);
      frames.push(JSON.stringify(back.frames));
    }
    return frames;
  };

  test('no instance replays the text before an edit', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const talkers = await Promise.all(
      [one, other].map((base) => enterRoom(base, room, { headers: ada.headers })),
    );
    talkers[0]?.say('the secret');
    for (const talker of talkers) await talker.got('message');
    const id = talkers[0]?.sequence()[0]?.id;
    await call(one, 'PATCH', `/rooms/${room}/messages/${id}`, {
      body: { message: 'nothing' },
      headers: ada.headers,
    });
    for (const frames of await replays(room, 2)) expect(frames).not.toContain('secret');
  });

  test('no instance replays the words, name, number and avatar of an erased user', async () => {
    const room = newRoom();
    const eve = await person('evelyn');
    const [talker, watcher] = [
      await enterRoom(one, room, { headers: eve.headers }),
      await enterRoom(other, room),
    ];
    talker.sendRaw(
      JSON.stringify({
        message: 'words',
        phone_number: '+34911',
        avatar: 'https://a.example/face',
        client_id: 'hers',
      }),
    );
    await watcher.got('message');
    talker.close();
    watcher.say('of another');
    await watcher.got('message', ({ seq }) => seq === 2);
    await eraseUser({ database: chat.storage.database }, eve.id);
    for (const frames of await replays(room, 3)) {
      expect(frames).toContain('of another');
      for (const word of ['words', eve.id, 'evelyn', '+34911', 'face', 'hers'])
        expect(frames).not.toContain(word);
    }
  });
});

describe('room names', () => {
  test('that cannot be a segment of a path are refused, and so are invisible ones', async () => {
    const { headers } = await person('ada');
    for (const name of ['..', '.', 'a%2Fb', 'a/b', '..;x', '\u3164', ' ', 'a\u0085', 'a\rb', 'a'.repeat(65)])
      expect([name, (await call(one, 'POST', '/rooms', { body: { name }, headers })).status]).toEqual([
        name,
        422,
      ]);
  });

  test('that readers cannot tell apart are one room; length counts graphemes', async () => {
    const { headers } = await person('ada');
    const create = async (name: string) =>
      (await call(one, 'POST', '/rooms', { body: { name }, headers })).status;
    expect([await create('Sala é'), await create('Sala e\u0301 '), await create('\u00a0Sala é')]).toEqual([
      201, 409, 409,
    ]);
    expect([await create('ano'), await create('año'), await create('Ano')]).toEqual([201, 201, 201]);
    const families = '👨‍👩‍👧‍👦'.repeat(40);
    expect(await create(families)).toBe(201);
    const path = `/rooms/${encodeURIComponent(families)}/info`;
    expect((await call(other, 'GET', path)).body.room).toBe(families);
  });
});

// These wait for time to pass, so they do it together.
describe('presence', () => {
  test.concurrent('is counted across all instances, and the entries of a killed instance expire', async () => {
    const room = newRoom();
    const ada = await person('ada');
    const third = await chat.start();
    const info = async (base: string) => (await call(base, 'GET', `/rooms/${room}/info`)).body;
    expect(await info(one)).toMatchObject({ room, active_connections: 0, members: [] });
    const leaving = await enterRoom(one, room);
    await enterRoom(other, room, { headers: ada.headers });
    await enterRoom(third.url, room, { headers: ada.headers });
    for (const base of [one, other, third.url])
      await eventually(async () => (await info(base)).active_connections === 3);
    expect((await info(one)).members).toEqual(['ada']);
    leaving.close();
    await third.kill();
    await eventually(async () => (await info(one)).active_connections === 1);
  }, 60_000);
});

describe('private rooms', () => {
  test.concurrent('admit members only, and close their connections on every instance when the membership ends', async () => {
    const name = newRoom();
    const [owner, eve] = [await person('owner'), await person('eve')];
    const created = await call(one, 'POST', '/rooms', {
      body: { name, private: true },
      headers: owner.headers,
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/rooms/${name}/info`);
    const listed = async (headers: Record<string, string>) =>
      (await call(one, 'GET', '/rooms?limit=100', { headers })).body.items.map(
        (room: { name: string }) => room.name,
      );
    expect(await listed(eve.headers)).not.toContain(name);
    expect(await listed(owner.headers)).toContain(name);

    const room = await findRoom(chat.storage.database, name, owner.id);
    await addMembers(chat.storage.database, room?.id ?? 0, [eve]);
    const guest = await enterRoom(other, name, { headers: eve.headers });
    const host = await enterRoom(one, name, { headers: owner.headers });
    host.say('for members');
    await guest.got('message');
    const remove = (headers: Record<string, string>, username: string) =>
      call(one, 'DELETE', `/rooms/${name}/members/${username}`, { headers });
    expect((await remove(eve.headers, 'owner')).status).toBe(403);
    expect((await remove(owner.headers, 'owner')).status).toBe(403);
    expect((await remove(owner.headers, 'eve')).status).toBe(204);
    expect(await guest.closed).toBe(3507);
    // The name means a public room to her now, which anybody may open.
    const outside = await enterRoom(other, name, { headers: eve.headers });
    outside.say('is anybody here?');
    await outside.got('message');
    expect(host.frames.filter(({ message }) => message === 'is anybody here?')).toEqual([]);
    outside.close();
    // Usernames are resolved by the users service, which does not run here.
    expect((await call(one, 'PUT', `/rooms/${name}/members/eve`, { headers: owner.headers })).status).toBe(
      503,
    );
  });
});

describe('when the owner of a room is erased', () => {
  test.concurrent('the longest-standing member becomes the owner; a private room without members is deleted', async () => {
    const { database } = chat.storage;
    const [owner, first, second] = [await person('owner1'), await person('first1'), await person('second1')];
    const [shared, alone] = [newRoom(), newRoom()];
    for (const name of [shared, alone])
      await call(one, 'POST', '/rooms', { body: { name, private: true }, headers: owner.headers });
    const room = await findRoom(database, shared, owner.id);
    for (const member of [first, second]) {
      await addMembers(database, room?.id ?? 0, [member]);
      await Bun.sleep(5);
    }
    const host = await enterRoom(one, alone, { headers: owner.headers });
    host.say('to myself');
    await host.got('message');
    await eraseUser({ database }, owner.id);
    await eraseUser({ database }, owner.id);

    const remove = (headers: Record<string, string>, username: string) =>
      call(one, 'DELETE', `/rooms/${shared}/members/${username}`, { headers });
    expect((await remove(second.headers, 'first1')).status).toBe(403);
    expect((await remove(first.headers, 'second1')).status).toBe(204);
    const { body } = await call(one, 'GET', `/rooms/${shared}/members`, { headers: first.headers });
    expect(body.items.map(({ username }: { username: string }) => username)).toEqual(['first1']);
    expect(await database.$count(rooms, eq(rooms.name, alone))).toBe(0);
    expect(await host.closed).toBeOneOf([3004, 3507]);
  }, 60_000);
});

describe('the handshake', () => {
  test.concurrent('accepts a token in the header, the query or a subprotocol, and refuses an invalid one', async () => {
    const room = newRoom();
    const { token, headers } = await person('ada');
    const ways = [
      { headers },
      { query: `?token=${token}` },
      { protocols: ['rookery.chat', `rookery.token.${token}`] },
      { protocols: ['bearer', token] },
    ];
    for (const way of ways)
      expect((await enterRoom(one, room, way)).frames[0]).toMatchObject({ user: { username: 'ada' } });
    const { socket } = await enterRoom(one, room, { protocols: ['rookery.chat', `rookery.token.${token}`] });
    expect(socket.protocol).toBe('rookery.chat');
    for (const [sent, query] of [
      [{ authorization: 'Bearer nonsense' }, ''],
      [{}, '?token=nonsense'],
    ] as const)
      expect(await handshake(one, room, sent, query)).toEqual({ status: 401, code: 'auth.unauthenticated' });
  });

  test.concurrent('an app connects with the scope to read, however it sends its token, and speaks with that to write', async () => {
    const room = newRoom();
    const [other, reader, writer] = await Promise.all([
      person('ada', { appScopes: ['write', 'read:statuses'] }),
      person('ada', { appScopes: ['read:chat'] }),
      person('ada', { appScopes: ['read', 'write:chat'] }),
    ]);
    const refused = { status: 403, code: 'auth.insufficient-scope' };
    expect(await handshake(one, room, other.headers)).toEqual(refused);
    expect(await handshake(one, room, {}, `?token=${other.token}`)).toEqual(refused);
    const protocol = { 'sec-websocket-protocol': `rookery.chat, rookery.token.${other.token}` };
    expect(await handshake(one, room, protocol)).toEqual(refused);
    const [listening, speaking] = await Promise.all([
      enterRoom(one, room, { headers: reader.headers }),
      enterRoom(one, room, { headers: writer.headers }),
    ]);
    listening.say('from the reader');
    listening.sendRaw('{"type":"typing"}');
    expect(await listening.got('error')).toMatchObject({ code: 'auth.insufficient-scope' });
    speaking.say('from the writer');
    expect(await listening.got('message')).toMatchObject({ message: 'from the writer' });
    expect(speaking.frames.filter(({ type }) => type === 'typing')).toEqual([]);
  });

  test.concurrent('a connection is closed when its token expires, and shortly after it is revoked', async () => {
    const room = newRoom();
    const short = await person('short', { lifetimeSeconds: 5 });
    const ending = await enterRoom(one, room, { headers: short.headers });
    expect(await ending.closed).toBe(3005);
    const ada = await person('ada');
    const revoked = await enterRoom(other, room, { headers: ada.headers });
    expect((await call(chat.auth.url, 'POST', '/auth/revoke', { body: { token: ada.token } })).status).toBe(
      200,
    );
    expect(await revoked.closed).toBe(3500);
  });

  test.concurrent('refuses foreign origins and, in production, anonymous clients', async () => {
    const room = newRoom();
    const mayEnter = async (base: string, headers: Record<string, string>) =>
      expect((await enterRoom(base, room, { headers })).frames[0]).toMatchObject({ type: 'joined' });
    expect(await handshake(one, room, { origin: 'https://evil.example' })).toEqual({
      status: 403,
      code: 'chat.origin-refused',
    });
    await mayEnter(one, { origin: one });
    const production = { CHAT_ALLOWED_ORIGINS: 'https://app.example.com' };
    const closed = await chat.startInProduction(production);
    const ada = await person('ada');
    expect((await handshake(closed.url, room)).status).toBe(401);
    expect((await call(closed.url, 'GET', `/rooms/${room}/messages`)).status).toBe(401);
    expect(
      (await handshake(closed.url, room, { ...ada.headers, origin: 'http://localhost:3000' })).status,
    ).toBe(403);
    await mayEnter(closed.url, { ...ada.headers, origin: 'https://app.example.com' });
    const open = await chat.startInProduction({ ...production, CHAT_ALLOW_ANONYMOUS: 'true' });
    await mayEnter(open.url, {});
    // The gateway must not route to them later.
    await Promise.all([closed.stop(), open.stop()]);
  });
});

test('the gateway proxies WebSockets at /ws and at /chat/ws', async () => {
  const room = newRoom();
  const gateway = await chat.startGateway();
  await eventually(async () => (await fetch(`${gateway.url}/rooms`)).status === 200);
  const { token } = await person('ada');
  const root = await enterRoom(gateway.url, room, { protocols: ['rookery.chat', `rookery.token.${token}`] });
  expect(root.socket.protocol).toBe('rookery.chat');
  const prefixed = await enterRoom(`${gateway.url}/chat`, room);
  for (const text of ['one', 'two']) root.say(text);
  await prefixed.got('message', ({ seq }) => seq === 2);
  expect(prefixed.sequence()).toEqual(root.sequence());
  const back = await enterRoom(gateway.url, room, { query: '?after_seq=1' });
  expect(await back.got('message')).toMatchObject({ seq: 2 });
  for (let count = 0; count < 25; count++) prefixed.sendRaw('nonsense');
  expect(await prefixed.closed).toBe(3509);
  expect(
    (await call(gateway.url, 'GET', `/chat/rooms/${room}/info`)).body.active_connections,
  ).toBeGreaterThan(0);
});

test('an export has the rooms and all messages of a person, without deleted ones', async () => {
  const [ada, bob] = [await person('ada_exports'), await person('bob_exports')];
  const room = newRoom();
  await call(one, 'POST', '/rooms', { body: { name: room, private: true }, headers: ada.headers });
  const talker = await enterRoom(one, room, { headers: ada.headers });
  const stranger = await enterRoom(one, newRoom(), { headers: bob.headers });
  for (const text of ['first', 'deleted']) talker.say(text);
  stranger.say('of another');
  const { id } = await talker.got('message', ({ message }) => message === 'deleted');
  await call(one, 'DELETE', `/rooms/${room}/messages/${id}`, { headers: ada.headers });
  const { database } = chat.storage;
  const row = await findRoom(database, room, ada.id);
  if (row === undefined) throw new Error('the room does not exist');
  const more = { roomId: row.id, senderId: ada.id, username: ada.username, sentAt: new Date(0) };
  await database
    .insert(messages)
    .values(
      Array.from({ length: 100 }, (_, index) => ({ ...more, seq: 100 + index, id: uuidv7(), message: 'x' })),
    );
  const records = recordsIn(await exportAll(chatPortability({ database }), ada.id));
  expect(records.rooms).toMatchObject([{ name: room, private: true, is_owner: true }]);
  expect(new Set(records.messages?.map((message) => message.seq)).size).toBe(101);
  expect(records.messages?.[0]).toMatchObject({ room, message: 'first', user: { id: ada.id } });
  talker.close();
  stranger.close();
});
