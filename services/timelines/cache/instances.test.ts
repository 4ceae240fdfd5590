import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { LIKES_FAMILY, likeChangesChannel } from '#contracts/changes/likes';
import { openRedis } from '#kit/redis/client';
import { type Answered, callerOf } from '../../../tests/support/call';
import { eventually } from '../../../tests/support/eventually';
import { breakConnections } from '../../../tests/support/redis';
import { serverVariable, testRuntime } from '../../../tests/support/servers';
import { type Member, startTimelines } from '../../../tests/support/timelines';
import { timelines } from '..';
import { createLiveTimelines } from '../live/service';
import { openCaches } from './open';

const runtimes = ['timelines-one', 'timelines-other', 'timelines-forgetful'].map(testRuntime);
const [runtime, otherRuntime, forgetfulRuntime] = runtimes as [
  ReturnType<typeof testRuntime>,
  ReturnType<typeof testRuntime>,
  ReturnType<typeof testRuntime>,
];

/** The likes of each post by person, as the likes service would have them. */
const likers = new Map<string, Set<string>>();
const likes = {
  async getCounts({ post_ids, viewer_id }: { post_ids: string[]; viewer_id?: string | undefined }) {
    const counts = post_ids.map((post_id) => {
      const people = likers.get(post_id) ?? new Set();
      return { post_id, count: people.size, liked_by_viewer: people.has(viewer_id ?? '') };
    });
    return { counts };
  },
  async listLikedPosts({ user_ids }: { user_ids: string[] }) {
    const likedBy = (id: string) => [...likers].flatMap(([post, people]) => (people.has(id) ? post : []));
    return {
      people: user_ids.map((user_id) => ({
        user_id,
        post_ids: likedBy(user_id),
        pending_post_ids: [],
        complete_since_ms: '0',
      })),
    };
  },
};
const one = await startTimelines(runtime, { likes });

/** Another instance on the same database and Redis. */
async function startInstance(instance: typeof runtime, redisUrl: string) {
  const redis = await openRedis(instance, { url: redisUrl, required: false });
  const { database, likes: likesClient } = one.deps;
  const caches = openCaches({ runtime: instance, database, likes: likesClient }, redis);
  const deps = { ...one.deps, ...caches, runtime: instance, redis };
  const live = createLiveTimelines(deps, { maximum: 5, anonymous: 4, perAddress: 5, perPerson: 4 });
  return { ...caches, redis, call: callerOf(timelines(deps, live)) };
}
const other = await startInstance(otherRuntime, serverVariable('REDIS_URL'));
/** Without Redis it remembers nothing and reads everything from the database. */
const forgetful = await startInstance(forgetfulRuntime, 'redis://127.0.0.1:1');

await eventually(async () => (await one.deps.changes.current()) && (await other.changes.current()));

afterAll(async () => {
  for (const each of runtimes) await each.close();
  await one.storage.drop();
});

async function toggleLike(person: Member, postId: string): Promise<void> {
  const people = likers.get(postId) ?? new Set();
  likers.set(postId, people);
  if (!people.delete(person.id)) people.add(person.id);
  const { redis } = one.deps;
  await redis.publish(likeChangesChannel(redis.family(LIKES_FAMILY)), `${postId} ${person.id}`);
}

const index = fc.nat(2);
const step = fc.oneof(
  fc.record({ do: fc.constant('post' as const), who: index, what: fc.constantFrom('public', 'followers') }),
  fc.record({
    do: fc.constantFrom('reply', 'repost', 'quote', 'delete', 'like'),
    who: index,
    which: fc.nat(9),
  }),
  fc.record({
    do: fc.constantFrom('followed', 'unfollowed', 'blocked', 'unblocked', 'muted', 'unmuted'),
    who: index,
    whom: index,
  }),
  fc.record({ do: fc.constant('rename' as const), who: index }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

let version = 100;

/** Every change goes through one instance. */
async function take(people: readonly Member[], posts: string[], each: Step): Promise<void> {
  const who = people[each.who] as Member;
  const post = async (body: object) => {
    const created = await one.call('POST', '/posts', { ...who, body });
    if (created.status !== 201) return;
    posts.push(String(created.body.id));
    // A feed that was read before has been built since.
    await one.fanOut(who.id, String(created.body.id));
  };
  if (each.do === 'rename') {
    const named = { username: who.username, display_name: `Name ${version}`, avatar_url: null };
    await one.publish('user.updated', { id: who.id, ...named, version: version++ });
  } else if ('what' in each) await post({ text: `by @${who.username}`, visibility: each.what });
  else if ('whom' in each) {
    const whom = people[each.whom] as Member;
    if (who === whom) return;
    const relation = each.do as 'followed' | 'blocked' | 'muted';
    if (each.do.endsWith('followed')) await one.relate(relation as 'followed', who, whom);
    else if (each.do.endsWith('blocked')) await one.block(relation as 'blocked', who, whom);
    else await one.mute(relation as 'muted', who, whom);
  } else {
    const id = posts[each.which % Math.max(1, posts.length)];
    if (id === undefined) return;
    if (each.do === 'reply') await post({ text: 'a reply', reply_to: id });
    else if (each.do === 'repost') await post({ repost_of: id });
    else if (each.do === 'quote') await post({ text: 'a quote', repost_of: id });
    else if (each.do === 'delete') await one.call('DELETE', `/posts/id/${id}`, who);
    else await toggleLike(who, id);
  }
}

const shown = ({ status, body: { request_id: _, ...body } }: Answered) => [status, body];

async function compare(path: string, reader: Member | undefined): Promise<void> {
  const expected = shown(await forgetful.call('GET', path, reader));
  expect(shown(await one.call('GET', path, reader))).toEqual(expected);
  expect(shown(await other.call('GET', path, reader))).toEqual(expected);
}

test('every instance shows every change at once, as the database has it', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 12 }), async (steps) => {
      run++;
      const people = await Promise.all([0, 1, 2].map((number) => one.join(`i${run}_${number}`)));
      const posts: string[] = [];
      for (const each of steps) {
        await take(people, posts, each);
        const reader = people[(each.who + 1) % 3] as Member;
        const author = people[each.who] as Member;
        await compare(`/posts/home/${reader.username}`, reader);
        await compare(`/posts/${author.username}`, reader);
      }
      for (const reader of [...people, undefined]) {
        for (const { username } of people) await compare(`/posts/${username}`, reader);
        await compare('/posts?limit=50', reader);
        for (const id of posts) await compare(`/posts/id/${id}`, reader);
      }
    }),
    { numRuns: 5 },
  );
}, 120_000);

test('an instance whose connection to Redis breaks shows what it missed', async () => {
  const [author, reader] = [await one.join('kept'), await one.join('keeper')];
  await one.relate('followed', reader, author);
  const post = await one.post(author);
  const read = async () => (await other.call('GET', `/posts/id/${post}`, reader)).status;
  expect(await read()).toBe(200);
  await breakConnections(serverVariable('REDIS_URL'), otherRuntime.name);
  await one.block('blocked', author, reader);
  await eventually(async () => (await read()) === 404);
  await one.block('unblocked', author, reader);
  await eventually(async () => (await read()) === 200);
});
