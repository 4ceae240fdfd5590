import { beforeAll, expect, test } from 'bun:test';
import { type Client, request, signIn } from '../support/client';
import { type Listener, listenTo } from '../support/event-stream';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const SYSTEM_MS = 240_000;
const TEST_MS = 120_000;
const RECOVERY_MS = 60_000;
const PASSWORD = 'correct horse battery staple';

let system: System;
let author: Client;
let reader: Client;
let authorization: string;

beforeAll(async () => {
  system = await sharedSystem();
  [author, reader] = [await member('broadcaster'), await member('listener')];
  expect((await reader.post('/users/follow/broadcaster')).status).toBeLessThan(300);
  authorization = await eventually(async () => {
    const { status, body } = await request(system.url, 'POST', '/login', {
      body: { username: 'listener', password: PASSWORD },
    });
    expect(status).toBe(200);
    return `Bearer ${body.access_token}`;
  }, RECOVERY_MS);
}, SYSTEM_MS);

async function member(username: string): Promise<Client> {
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  expect((await request(system.url, 'POST', '/register', { body })).status).toBe(201);
  return eventually(() => signIn(system.url, username), RECOVERY_MS);
}

/** Reconnects with the last event id until the stream opens, as browsers do. */
const listen = (lastEventId?: string): Promise<Listener> =>
  eventually(async () => {
    const listener = await listenTo(`${system.url}/posts/home/listener/stream`, {
      authorization,
      lastEventId,
    });
    if (listener.status !== 200) {
      listener.close();
      throw new Error(`The stream failed with status ${listener.status}`);
    }
    await eventually(() => expect(listener.lastEventId()).toBeDefined());
    return listener;
  }, RECOVERY_MS);

const post = (text: string): Promise<string> =>
  eventually(async () => {
    const reply = await author.post('/posts', { text }, { 'idempotency-key': text.replaceAll(' ', '-') });
    expect(reply.status).toBe(201);
    return String(reply.body.id);
  }, RECOVERY_MS);

/** Sorted: posts created at almost the same time may be delivered in another order. */
const idsIn = (listener: Listener) => listener.received.map((event) => String(event.data.id)).toSorted();

test(
  'a follower receives every post once while timelines and the gateway are killed',
  async () => {
    const first = await listen();
    const seen = await eventually(async () => {
      const id = await post('before any failure');
      await eventually(() => expect(idsIn(first)).toEqual([id]), RECOVERY_MS);
      return id;
    }, RECOVERY_MS);

    await system.killAndStart('timelines');
    await first.ended;
    const missed = [await post('after timelines was killed'), await post('and one more')];
    const second = await listen(first.lastEventId());
    await eventually(() => expect(idsIn(second)).toEqual(missed), RECOVERY_MS);

    await system.killAndStart('gateway');
    await second.ended;
    const late = await post('after the gateway was killed');
    const third = await listen(second.lastEventId());
    await eventually(() => expect(idsIn(third)).toEqual([late]), RECOVERY_MS);
    expect(new Set([seen, ...missed, late]).size).toBe(4);
    third.close();
  },
  TEST_MS,
);

test(
  'an instance that shuts down moves its streams to another, without losing events',
  async () => {
    await system.start('timelines');
    const [stopping] = system.instances('timelines');
    const listeners = await Promise.all(Array.from({ length: 6 }, () => listen()));
    await stopping?.stop();
    const id = await post('while instances change');
    const moved = await Promise.all(
      listeners.map(async (listener) => {
        let isEnded = false;
        void listener.ended.then(() => {
          isEnded = true;
        });
        // Those of the other instance receive the post instead.
        await eventually(() => isEnded || idsIn(listener).includes(id), RECOVERY_MS);
        return isEnded ? listen(listener.lastEventId()) : listener;
      }),
    );
    for (const listener of moved) await eventually(() => expect(idsIn(listener)).toEqual([id]), RECOVERY_MS);
    for (const listener of moved) listener.close();
  },
  TEST_MS,
);
