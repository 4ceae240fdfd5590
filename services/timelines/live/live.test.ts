import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { serveHttp } from '#kit/http/server';
import { type Listener, listenTo } from '../../../tests/support/event-stream';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime } from '../../../tests/support/servers';
import { type Member, startTimelines } from '../../../tests/support/timelines';
import { createAcceptedPost } from '../posts/accept';
import { appendPosts, listEntries, readHead } from './store';

const runtime = testRuntime('timelines-live');
const service = await startTimelines(runtime);
const { block, call, deps, join, mute, post, relate, storage } = service;
const { port } = serveHttp(runtime, service.app, { hostname: '127.0.0.1', port: 0, strictPort: true });

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const open = async (path: string, reader?: Member, lastEventId?: string): Promise<Listener> => {
  // The place of a stream that has just been closed is free once the server has noticed.
  const listener = await eventually(async () => {
    const opened = await listenTo(`http://127.0.0.1:${port}${path}`, { ...reader, lastEventId });
    if (opened.status === 200) return opened;
    opened.close();
    throw new Error(`The stream was refused with ${opened.status}`);
  });
  await eventually(() => listener.lastEventId() !== undefined);
  return listener;
};
const homeOf = (reader: Member) => `/posts/home/${reader.username}/stream`;
const idsIn = (listener: Listener) => listener.received.map((event) => event.data.id);

let senders = 0;

/** Creates a post and handles its event. */
async function createAndStream(author: Member, body?: object): Promise<string> {
  const id = await post(author, body);
  await appendPosts(deps.database, [{ id, authorId: author.id }]);
  return id;
}

test('a home stream has the posts of the home timeline, as they are created', async () => {
  const [reader, friend, muted, other] = [
    await join('reader'),
    await join('friend'),
    await join('muted'),
    await join('other'),
  ];
  await relate('followed', reader, friend);
  await relate('followed', reader, muted);
  await mute('muted', reader, muted);
  const stream = await open(homeOf(reader), reader);
  const own = await createAndStream(reader);
  await createAndStream(other);
  await createAndStream(muted);
  const shown = await createAndStream(friend, { text: 'for followers', visibility: 'followers' });
  await eventually(() => stream.received.length === 2);
  expect(idsIn(stream)).toEqual([own, shown]);
  expect(stream.received[1]).toMatchObject({ name: 'post', data: { text: 'for followers' } });
  stream.close();
});

test('the public stream omits followers-only posts and those across a block', async () => {
  const [author, blocker] = [await join('author'), await join('blocker')];
  await block('blocked', blocker, author);
  const [anonymous, blocked] = [await open('/posts/stream'), await open('/posts/stream', blocker)];
  await createAndStream(author, { text: 'hidden', visibility: 'followers' });
  const shown = await createAndStream(author);
  const last = await createAndStream(blocker);
  await eventually(() => idsIn(anonymous).length === 2 && idsIn(blocked).length === 1);
  expect([idsIn(anonymous), idsIn(blocked)]).toEqual([[shown, last], [last]]);
  anonymous.close();
  blocked.close();
});

test('a reconnecting reader gets every missed post once, also those with older ids than posts seen before', async () => {
  const author = await join('prolific');
  const late = await deps.nextId();
  const stream = await open('/posts/stream');
  const seen = await createAndStream(author);
  await eventually(() => stream.received.length === 1);
  stream.close();
  await stream.ended;
  await createAcceptedPost(deps, author, late, { text: 'accepted long ago' });
  const missed = [late, ...(await Promise.all(Array.from({ length: 150 }, () => post(author))))];
  await Promise.all(
    [...missed, seen, late].map((id) => appendPosts(deps.database, [{ id, authorId: author.id }])),
  );
  const again = await open('/posts/stream', undefined, stream.lastEventId());
  const live = await createAndStream(author);
  await eventually(() => idsIn(again).includes(live));
  expect(idsIn(again).toSorted()).toEqual([...missed, live].toSorted());
  expect(again.received.map((event) => Number(event.id))).toEqual(
    again.received.map((_, index) => Number(stream.lastEventId()) + 1 + index),
  );
  again.close();
});

test('posts of one author are streamed in the order in which they were sent, however their events are handled', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ author: fc.nat(2), rank: fc.integer() }), { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (sent, batchSize) => {
        const authors = await Promise.all([0, 1, 2].map(() => join(`sender_${++senders}`)));
        const head = await readHead(deps.database);
        const written: { id: string; authorId: string; rank: number }[] = [];
        for (const { author, rank } of sent) {
          const sender = authors[author];
          if (sender) written.push({ id: await post(sender), authorId: sender.id, rank });
        }
        const handled = written.toSorted((one, other) => one.rank - other.rank);
        // Twice, because delivery is at least once.
        const events = [...handled, ...handled];
        const batches = events.flatMap((_, index) =>
          index % batchSize === 0 ? [events.slice(index, index + batchSize)] : [],
        );
        await Promise.all(batches.map((batch) => appendPosts(deps.database, batch)));
        const streamed = (await listEntries(deps.database, head, 100)).map((entry) => entry.postId);
        expect(streamed.toSorted()).toEqual(written.map(({ id }) => id).toSorted());
        for (const { id } of authors) {
          const own = written.filter(({ authorId }) => authorId === id).map((each) => each.id);
          expect(streamed.filter((each) => own.includes(each))).toEqual(own);
        }
      },
    ),
    { numRuns: 15 },
  );
}, 60_000);

test('a reader without matching posts resumes at the head, not where it started', async () => {
  const [reader, other] = [await join('patient'), await join('unrelated')];
  const stream = await open(homeOf(reader), reader);
  await createAndStream(other);
  const head = await readHead(deps.database);
  await eventually(() => stream.lastEventId() === String(head));
  expect(stream.received).toEqual([]);
  stream.close();
});

test.each(['999999999', 'not-a-position'])('an unknown position (%s) gets a reload event', async (id) => {
  const stream = await open('/posts/stream', undefined, id);
  await eventually(() => stream.received.length === 1);
  expect(stream.received).toEqual([{ id: String(await readHead(deps.database)), name: 'reload', data: {} }]);
  stream.close();
});

test('a home stream is open to its owner only', async () => {
  const [reader, other] = [await join('private'), await join('curious')];
  expect((await call('GET', homeOf(reader), other)).status).toBe(403);
  expect((await call('GET', homeOf(reader))).status).toBe(401);
});

test('the number of streams is limited, and a closed stream frees its place', async () => {
  const streams = await Promise.all(Array.from({ length: 4 }, () => open('/posts/stream')));
  const rejected = await call('GET', '/posts/stream');
  expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([503, '2']);
  streams[0]?.close();
  await eventually(async () => {
    const stream = await listenTo(`http://127.0.0.1:${port}/posts/stream`);
    stream.close();
    return stream.status === 200;
  });
  for (const stream of streams) stream.close();
});

test('draining ends all streams and rejects new ones', async () => {
  await eventually(async () => {
    const { body } = await fetch(`http://127.0.0.1:${port}/metrics`).then(async (response) => ({
      body: await response.text(),
    }));
    return body.includes('event_streams_open 0');
  });
  const stream = await open('/posts/stream');
  await service.live.drain();
  await stream.ended;
  expect((await call('GET', '/posts/stream')).status).toBe(503);
});
