import { beforeAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { openDynamodb } from '#kit/dynamodb/client';
import { insertPoll } from '../../services/polls/store';
import { type Client, request, signIn } from '../support/client';
import { listenTo } from '../support/event-stream';
import { eventually } from '../support/eventually';
import { testRuntime } from '../support/servers';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const SYSTEM_MS = 240_000;
const TEST_MS = 120_000;
const RECOVERY_MS = 60_000;
const PASSWORD = 'correct horse battery staple';

let system: System;
let author: Client;
let friend: Client;
let outsider: Client;

beforeAll(async () => {
  system = await sharedSystem();
  [author, friend, outsider] = [await member('author'), await member('friend'), await member('outsider')];
}, SYSTEM_MS);

async function member(username: string): Promise<Client> {
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  expect((await request(system.url, 'POST', '/register', { body })).status).toBe(201);
  return eventually(() => signIn(system.url, username), RECOVERY_MS);
}

async function post(by: Client, body: object): Promise<string> {
  const reply = await by.post('/posts', body);
  expect(reply.status).toBe(201);
  return String(reply.body.id);
}

async function textsOf(person: Client): Promise<string[]> {
  const { body } = await person.get('/notifications');
  return (body.items as { text: string }[]).map((item) => item.text);
}

test(
  'actions of others are notified in real time, except those that are not visible',
  async () => {
    const { body } = await request(system.url, 'POST', '/login', {
      body: { username: 'author', password: PASSWORD },
    });
    const authorization = `Bearer ${body.access_token}`;
    const stream = await listenTo(`${system.url}/notifications/stream`, { authorization });
    expect(stream.status).toBe(200);

    const id = await post(author, { text: 'something to talk about' });
    expect((await friend.post('/users/follow/author')).status).toBeLessThan(300);
    await post(friend, { text: 'well said', reply_to: id });
    for (const person of [friend, outsider]) expect((await person.post(`/likes/${id}`)).status).toBe(201);
    await post(outsider, { text: 'a secret about @author', visibility: 'followers' });
    await post(outsider, { text: 'for all to see, @author' });

    const expected = [
      'friend followed you',
      'friend replied to your post',
      expect.stringMatching(/^(friend and outsider|outsider and friend) liked your post$/),
      'outsider mentioned you',
    ];
    await eventually(async () => {
      const texts = await textsOf(author);
      expect(texts).toHaveLength(4);
      expect(texts).toEqual(expect.arrayContaining(expected));
    }, RECOVERY_MS);
    const streamed = () => stream.received.map((event) => event.data.text);
    await eventually(() => expect(streamed()).toEqual(expect.arrayContaining(expected)), RECOVERY_MS);
    expect((await author.get('/notifications/unread-count')).body).toEqual({ unread_count: 4 });
    const { body: copy } = await author.get('/users/me/export');
    expect((copy.notifications as { text: string }[]).map(({ text }) => text)).toEqual(
      expect.arrayContaining(expected),
    );
    expect(copy.notification_settings).toMatchObject({ like: 'mail', reply: 'app' });
    stream.close();
  },
  TEST_MS,
);

test(
  'actions during an outage of the worker and the service are notified afterwards',
  async () => {
    await system.process('notifications').kill();
    await system.process('notifications-worker').kill();
    await post(author, { text: 'hello @friend' });
    await system.start('notifications');
    await system.start('notifications-worker');
    await eventually(
      async () => expect(await textsOf(friend)).toEqual(['author mentioned you']),
      RECOVERY_MS,
    );
  },
  TEST_MS,
);

test(
  'the end of a poll is notified once to its author and all voters although polls is killed at that time',
  async () => {
    const id = await endingPollWithVotes();
    await system.start('polls');
    await eventually(async () => {
      expect((await friend.get(`/polls/${id}`)).body.closed).toBe(true);
    }, RECOVERY_MS);
    for (const instance of system.instances('polls')) await instance.kill();
    await system.start('polls');
    const noticesOf = async (person: Client) => {
      const { body } = await person.get('/notifications?type=poll-ended');
      return (body.items as { object_id: string; text: string }[]).filter((item) => item.object_id === id);
    };
    const notices = async () => (await Promise.all([author, friend, outsider].map(noticesOf))).flat();
    await eventually(async () => expect((await notices()).length).toBeGreaterThanOrEqual(3), RECOVERY_MS);
    expect((await notices()).map(({ text }) => text)).toEqual([
      'Your poll has ended',
      'The poll of author has ended',
      'The poll of author has ended',
    ]);
  },
  TEST_MS,
);

/** A poll of the author on which both voters have voted: on a slow machine a later one, that stays open for longer. */
async function endingPollWithVotes(): Promise<string> {
  for (let ms = 4_000; ; ms *= 2) {
    const id = await pollThatEndsIn(ms, author.id);
    const votes = await Promise.all(
      [friend, outsider].map((voter) => voter.post(`/polls/${id}/vote`, { option: 'Tea' })),
    );
    if (votes.every(({ status }) => status === 200)) return id;
    for (const { status } of votes) expect([200, 409]).toContain(status);
    if (ms > RECOVERY_MS / 2) throw new Error('The polls ended before both had voted');
  }
}

/** Inserts a poll as the service does, but with an earlier end than the API allows. */
async function pollThatEndsIn(ms: number, authorId: string): Promise<string> {
  const runtime = testRuntime('poll-of-the-journey');
  const client = openDynamodb(runtime, {
    DYNAMODB_URL: system.stack.environment.DYNAMODB_URL ?? '',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
  const now = Date.now();
  const poll = {
    id: uuidv7(),
    author_id: authorId,
    question: 'Tea or coffee?',
    options: ['Tea', 'Coffee'],
    multiple: false,
    hide_results_until_end: false,
    created_at: now,
    expires_at: now + ms,
  };
  await insertPoll({ client, name: 'polls' }, poll, { retentionMs: null, announcesEnd: true });
  await runtime.close();
  return poll.id;
}
