import { expect, test } from 'bun:test';
import type { LikedPost } from '#contracts/gen/likes/v1/likes';
import { LikeNotify } from '#contracts/jobs/likes';
import { envelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { testRuntime } from '../../tests/support/servers';
import { likesNotificationWorker } from '.';

const author = uuidv7();
const runtime = testRuntime('likes-notification');

/** The posts of the digest that the worker requests for likes of one post. */
async function requestDigest(
  likers: readonly string[],
  settings: { delivery: string; suppressed: readonly string[] },
): Promise<LikedPost[]> {
  const confirmed: LikedPost[][] = [];
  const worker = likesNotificationWorker({
    publicUrl: 'https://rookery.example',
    likes: {
      claimNotifications: async () => ({
        likes: likers.map((user_id) => ({ post_id: '1', user_id })),
      }),
      async confirmNotifications({ posts }) {
        confirmed.push(posts);
        return {};
      },
    },
    notifications: {
      async getHearing({ user_id, type, actor_ids }) {
        expect([user_id, type]).toEqual([author, 'like']);
        expect(actor_ids.length).toBeLessThanOrEqual(1_000);
        const unheard_ids = actor_ids.filter((id) => settings.suppressed.includes(id));
        return { delivery: settings.delivery, unheard_ids };
      },
    },
    timelines: {
      getPosts: async ({ ids }) => ({
        posts: ids.map((id) => ({ id, author_id: author, excerpt: 'A post' })),
      }),
    },
    users: {
      getUsers: async ({ ids }) => ({
        users: ids.map((id) => ({ id, username: id, display_name: `name of ${id}`, version: 1 })),
      }),
    },
  });
  const job = envelope(LikeNotify, { author_id: author }, { requestId: 'a-request', actor: null });
  await worker.handle(job, { attempt: 1, log: runtime.log, closing: runtime.closing });
  expect(confirmed).toHaveLength(1);
  return confirmed[0] ?? [];
}

const people = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);

test('10,000 likes of one post are one mail that names two people and counts the others', async () => {
  const [post, ...others] = await requestDigest(people(10_000), { delivery: 'mail', suppressed: [] });
  expect(others).toEqual([]);
  expect(post).toMatchObject({ likers: ['p0', 'p1'], others_count: 9_998 });
});

test('suppressed people are neither named nor counted', async () => {
  const suppressed = ['p0', 'p1500'];
  const [post] = await requestDigest(people(2_000), { delivery: 'mail', suppressed });
  expect(post).toMatchObject({ likers: ['p1', 'p2'], others_count: 1_996 });
  expect(await requestDigest(['p0'], { delivery: 'mail', suppressed })).toEqual([]);
});

test.each(['app', 'off'])('an author with the delivery %s for likes gets no mail', async (delivery) => {
  expect(await requestDigest(people(3), { delivery, suppressed: [] })).toEqual([]);
});
