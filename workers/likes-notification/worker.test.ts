import { expect, test } from 'bun:test';
import type { LikedPost } from '#contracts/gen/likes/v1/likes';
import { LikeNotify } from '#contracts/jobs/likes';
import { envelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { testRuntime } from '../../tests/support/servers';
import { likesNotificationWorker } from '.';

const author = uuidv7();
const runtime = testRuntime('likes-notification');

/** What the mail tells of, of likes of one post. */
async function mailed(
  likers: readonly string[],
  hearing: { delivery: string; unheard: readonly string[] },
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
        const unheard_ids = actor_ids.filter((id) => hearing.unheard.includes(id));
        return { delivery: hearing.delivery, unheard_ids };
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

test('ten thousand likes of one post are one mail, which names two people and counts the others', async () => {
  const [post, ...others] = await mailed(people(10_000), { delivery: 'mail', unheard: [] });
  expect(others).toEqual([]);
  expect(post).toMatchObject({ likers: ['name of p0', 'name of p1'], others_count: 9_998 });
});

test('people whom the author has muted, or has a block with, are neither named nor counted', async () => {
  const unheard = ['p0', 'p1500'];
  const [post] = await mailed(people(2_000), { delivery: 'mail', unheard });
  expect(post).toMatchObject({ likers: ['name of p1', 'name of p2'], others_count: 1_996 });
  expect(await mailed(['p0'], { delivery: 'mail', unheard })).toEqual([]);
});

test.each(['app', 'off'])('an author who has chosen %s for likes gets no mail of them', async (delivery) => {
  expect(await mailed(people(3), { delivery, unheard: [] })).toEqual([]);
});
