import { afterAll, beforeAll, expect, test } from 'bun:test';
import { inParallel } from '../../scripts/seed/in-parallel';
import { join, request } from '../support/client';
import { CROWD_ENVIRONMENT, makeCrowd } from '../support/crowd';
import { eventually } from '../support/eventually';
import { mailsTo } from '../support/inbox';
import { type System, startSystem } from '../support/system';

/**
 * Many people like one post through the gateway; the measurements are printed. Set their number with
 * `LIKES=10000 make test t=tests/journeys/many-likes.test.ts`.
 */
const LIKES = Number(process.env.LIKES ?? 200);
/** The digest delay of the first mail: longer than it takes to accept all likes. */
const DIGEST_SECONDS = Math.max(10, Math.ceil(LIKES / 60));
const CONCURRENCY = 16;
const START_MS = 240_000;
const DELIVERY_MS = 60_000 + LIKES * 30;
const PROCESSES = [
  ...['registry', 'gateway', 'users', 'auth', 'timelines', 'likes', 'notifications', 'mail'],
  ...['likes-validation', 'likes-notification', 'notifications-worker', 'mail-worker'],
];

let system: System;

beforeAll(async () => {
  const environment = { ...CROWD_ENVIRONMENT, LIKES_DIGEST_SECONDS: String(DIGEST_SECONDS) };
  system = await startSystem('many-likes', environment, PROCESSES);
}, START_MS);

afterAll(() => system?.stop(), START_MS);

test(
  `${LIKES} likes of one post produce one notification and one mail to its author, and nothing else`,
  async () => {
    const author = await eventually(() => join(system.url, 'author'));
    const names = Array.from({ length: LIKES }, (_, number) => `liker_${number}`);
    const crowd = await makeCrowd(system.stack.environment, names);
    const post = String((await author.post('/posts', { text: 'a popular post' })).body.id);

    const startedMs = performance.now();
    const likes = await inParallel('likes', crowd, CONCURRENCY, ({ token }) =>
      request(system.url, 'POST', `/likes/${post}`, { token }),
    );
    const acceptedMs = performance.now();
    expect(likes.filter(({ status }) => status !== 201)).toEqual([]);

    const notification = await eventually(async () => {
      const { items } = (await author.get('/notifications')).body as { items: Record<string, unknown>[] };
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({
        type: 'like',
        object_id: post,
        actors_count: LIKES,
        text: expect.stringMatching(
          new RegExp(`^liker_\\d+ and ${inWords(LIKES - 1)} others liked your post$`),
        ),
      });
      return items[0];
    }, DELIVERY_MS);
    const notifiedMs = performance.now();
    const mails = await eventually(async () => {
      const all = await likeMails();
      expect(all).not.toEqual([]);
      return all;
    }, DELIVERY_MS);
    const mailedMs = performance.now();
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(
        new RegExp(`^liker_\\d+, liker_\\d+ and ${inWords(LIKES - 2)} others liked your post$`),
      ),
    ]);

    await allQueuesAreEmpty();
    expect((await author.get('/notifications')).body.items).toEqual([notification]);
    expect((await author.get('/notifications/unread-count')).body).toEqual({ unread_count: 1 });
    expect(await likeMails()).toHaveLength(1);
    // Nobody else is mailed: the others were not registered through the API.
    expect(await mailsTo(system)).toHaveLength(2);
    for (const { token } of [crowd[0], crowd.at(-1)].filter((one) => one !== undefined))
      expect((await request(system.url, 'GET', '/notifications', { token })).body.items).toEqual([]);
    console.log({
      likes: LIKES,
      acceptedInSeconds: (acceptedMs - startedMs) / 1_000,
      likesPerSecond: LIKES / ((acceptedMs - startedMs) / 1_000),
      digestSeconds: DIGEST_SECONDS,
      notifiedAfterSeconds: (notifiedMs - startedMs) / 1_000,
      mailedAfterSeconds: (mailedMs - startedMs) / 1_000,
    });
  },
  START_MS + 2 * DELIVERY_MS,
);

const inWords = (count: number) => new Intl.NumberFormat('en').format(count);

/** The mails to the author about likes; the first mail is the verification of the address. */
const likeMails = async () =>
  (await mailsTo(system, 'author@example.com')).filter(({ subject }) => subject.includes('liked'));

/** Waits until no message is queued, so that no further notification can follow. */
async function allQueuesAreEmpty(): Promise<void> {
  await eventually(async () => {
    for (const name of PROCESSES) {
      const metrics = await (await fetch(`${system.process(name).url}/metrics`)).text();
      const waiting = metrics.match(/^(queue_messages|outbox_unsent_rows)\{.*\} [1-9].*$/gm);
      expect([name, waiting]).toEqual([name, null]);
    }
  }, DELIVERY_MS);
}
