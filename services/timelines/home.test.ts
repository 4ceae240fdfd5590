import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { uuidv7 } from '#kit/core/ids';
import { openRedis, type Redis } from '#kit/redis/client';
import { callerOf } from '../../tests/support/call';
import { eventually } from '../../tests/support/eventually';
import { testRuntime } from '../../tests/support/servers';
import { idsOf, type Member, startTimelines } from '../../tests/support/timelines';
import { timelines } from '.';
import { beginFeed, deleteFeed, deliverToFeeds, finishFeed, readFeed } from './feed-store';
import { buildFeed, deliverPost, syncFollow } from './feeds';
import { keepFollow } from './people-store';

const runtime = testRuntime('timelines-home');
// Small, so that every run reaches the seam between Redis and the database, and authors who are merged at read.
const service = await startTimelines(runtime, { homeSize: 12, fanoutFollowersLimit: 3 });
const { block, call, deps, join, mute, post, relate, storage } = service;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

/** Everything on a home timeline, read page by page. */
async function readAll(reader: Member, limit: number): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const path = `/posts/home/${reader.username}?limit=${limit}${cursor && `&cursor=${cursor}`}`;
    const answer = await call('GET', path, reader);
    if (answer.status !== 200) throw new Error(`a home timeline was answered with ${answer.status}`);
    seen.push(...idsOf(answer));
    if (answer.body.next_cursor === null) return seen;
    cursor = String(answer.body.next_cursor);
  }
}

/** What a home timeline is, said once more in one query that shares nothing with the service. */
async function expectedHome(reader: Member): Promise<string[]> {
  const me = sql`unhex(${reader.id.replaceAll('-', '')})`;
  const related = (author: ReturnType<typeof sql>) => sql`
    not exists (select 1 from blocks b where b.active and ((b.user_id = ${me} and b.other_id = ${author})
      or (b.user_id = ${author} and b.other_id = ${me})))
    and not exists (select 1 from mutes m where m.active and m.user_id = ${me} and m.other_id = ${author})`;
  const followed = (author: ReturnType<typeof sql>) => sql`
    exists (select 1 from follows f where f.active and f.follower_id = ${me} and f.followee_id = ${author})`;
  const [rows] = await storage.database.execute(sql`
    select p.id from posts p where p.deleted_at is null
      and (p.author_id = ${me} or (${followed(sql`p.author_id`)} and ${related(sql`p.author_id`)}))
      and (p.repost_of is null or exists (select 1 from posts o where o.id = p.repost_of and o.deleted_at is null
        and (o.author_id = ${me} or (${related(sql`o.author_id`)}
          and (o.visibility = 'public' or ${followed(sql`o.author_id`)})))))
    order by p.id desc`);
  return (rows as unknown as { id: number }[]).map((row) => String(row.id));
}

async function deliver(authorId: string, postId: string): Promise<void> {
  let afterFollower: string | null = null;
  do {
    const { nextAfterFollower }: { nextAfterFollower: string | undefined } = await deliverPost(deps, {
      postId,
      authorId,
      afterFollower,
      limit: 2,
    });
    afterFollower = nextAfterFollower ?? null;
  } while (afterFollower !== null);
}

/** The real Redis, with something done just before each call of these commands. */
function interrupted(commands: readonly string[], before: () => Promise<void>): Redis {
  return new Proxy(deps.redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        if (commands.includes(String(name))) await before();
        return member.apply(target, args);
      };
    },
  });
}

const pair = (follower: Member, followee: Member) => ({ followerId: follower.id, followeeId: followee.id });

const PEOPLE = [0, 1, 2, 3, 4];
const person = fc.constantFrom(...PEOPLE);
const RELATIONS = ['followed', 'unfollowed', 'blocked', 'unblocked', 'muted', 'unmuted'] as const;
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('post' as const),
      by: person,
      recent: fc.nat({ max: 9 }),
      as: fc.constantFrom('plain', 'followers', 'reply', 'repost'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), recent: fc.nat({ max: 30 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom(...RELATIONS), by: person, other: person }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'forget', 'build'), by: person }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
const scenario = fc.record({
  follows: fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
  steps: fc.array(step, { minLength: 20, maxLength: 70 }),
  pageSize: fc.integer({ min: 1, max: 7 }),
});

/** Does the steps as a running system would: deliveries, feeds and events go on at the same time as everything else. */
async function play(people: readonly Member[], steps: readonly Step[]): Promise<void> {
  const made: { id: string; by: Member }[] = [];
  const running: Promise<unknown>[] = [];
  const member = (index: number): Member => {
    const found = people[index];
    if (found === undefined) throw new Error('no such person');
    return found;
  };
  for (const each of steps)
    switch (each.kind) {
      case 'post': {
        const by = member(each.by);
        const answer = await call('POST', '/posts', {
          ...by,
          body: bodyOf(each.as, made.at(-1 - each.recent)),
        });
        if (answer.status !== 201) break;
        const id = String(answer.body.id);
        made.push({ id, by });
        // Jobs overtake each other and come twice.
        running.push(deliver(by.id, id), deliver(by.id, id));
        break;
      }
      case 'delete': {
        const post = made.at(-1 - each.recent);
        if (post) await call('DELETE', `/posts/id/${post.id}`, post.by);
        break;
      }
      case 'read':
        running.push(call('GET', `/posts/home/${member(each.by).username}`, member(each.by)));
        break;
      case 'forget':
        running.push(deleteFeed(deps.redis, member(each.by).id));
        break;
      case 'build':
        running.push(buildFeed(deps, member(each.by).id));
        break;
      default:
        if (each.by !== each.other) running.push(change(each.kind, member(each.by), member(each.other)));
    }
  await Promise.all(running);
}

function change(kind: (typeof RELATIONS)[number], one: Member, other: Member): Promise<void> {
  if (kind === 'followed' || kind === 'unfollowed') return relate(kind, one, other);
  return kind === 'muted' || kind === 'unmuted' ? mute(kind, one, other) : block(kind, one, other);
}

function bodyOf(as: string, target: { id: string } | undefined): object {
  if (as === 'reply' && target) return { text: 'a reply', reply_to: target.id };
  if (as === 'repost' && target) return { repost_of: target.id };
  return { text: 'a text', visibility: as === 'followers' ? 'followers' : 'public' };
}

describe('a home timeline', () => {
  test('is what one query over the tables says, whatever happened, with a feed, without, and while it is built', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ follows, steps, pageSize }) => {
        const people = await Promise.all(PEOPLE.map((index) => join(`p${run}_${index}`)));
        run++;
        const pairs = people.flatMap((one) =>
          people.flatMap((other) => (one === other ? [] : [[one, other] as const])),
        );
        for (const [index, [one, other]] of pairs.entries())
          if (follows[index]) await relate('followed', one, other);
        await play(people, steps);
        for (const reader of people) {
          const expected = await expectedHome(reader);
          expect(await readAll(reader, pageSize)).toEqual(expected);
          await buildFeed(deps, reader.id);
          expect(await readAll(reader, pageSize)).toEqual(expected);
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  test('misses nothing that is posted just before its feed is begun, or while it is built', async () => {
    const [reader, author] = [await join('building'), await join('built_for')];
    await relate('followed', reader, author);
    const ids: string[] = [];
    const redis = interrupted(['evalSha'], async () => {
      ids.unshift(await post(author));
      await deliver(author.id, String(ids[0]));
    });
    await buildFeed({ ...deps, redis }, reader.id);
    expect(ids.length).toBeGreaterThan(1);
    expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual(ids);
  });

  test('holds whom one follows again while the end of the first follow is still being dealt with', async () => {
    const [reader, author] = [await join('wavering'), await join('wavered')];
    const ids = [await post(author), await post(author)].reverse();
    await buildFeed(deps, reader.id);
    await relate('followed', reader, author);
    await keepFollow(deps.database, { ...pair(reader, author), active: false, version: 1_000 });
    let again = false;
    const redis = interrupted(['zRem'], async () => {
      if (again) return;
      again = true;
      await keepFollow(deps.database, { ...pair(reader, author), active: true, version: 1_001 });
      await syncFollow(deps, reader.id, author.id);
    });
    await syncFollow({ ...deps, redis }, reader.id, author.id);
    expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual(ids);
    await relate('followed', reader, author);
    expect(await readAll(reader, 20)).toEqual(ids);
  });

  test('loses whom one follows no longer', async () => {
    const [reader, author] = [await join('leaving'), await join('left')];
    await relate('followed', reader, author);
    await post(author);
    await buildFeed(deps, reader.id);
    await relate('unfollowed', reader, author);
    expect(await readFeed(deps.redis, reader.id, { after: null, limit: 10 })).toEqual({
      ids: [],
      floor: null,
    });
  });

  test('goes on from Redis into the database without gap or double, while it grows', async () => {
    const [reader, author] = [await join('seam'), await join('seam_author')];
    await relate('followed', reader, author);
    const old: string[] = [];
    for (let index = 0; index < 30; index++) old.unshift(await post(author));
    await buildFeed(deps, reader.id);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const answer = await call('GET', `/posts/home/seam?limit=4${cursor && `&cursor=${cursor}`}`, reader);
      seen.push(...idsOf(answer));
      await deliver(author.id, await post(author));
      if (answer.body.next_cursor === null) break;
      cursor = String(answer.body.next_cursor);
    }
    expect(seen).toEqual(old);
  });

  test('shows one’s own post at once', async () => {
    const author = await join('own_home');
    await buildFeed(deps, author.id);
    const id = await post(author);
    expect(await readAll(author, 20)).toEqual([id]);
  });

  test('is answered from the database while Redis is away, and by nobody’s fault', async () => {
    const elsewhere = testRuntime('timelines-without-redis');
    const redis = await openRedis(elsewhere, { url: 'redis://127.0.0.1:1', required: false });
    const without = callerOf(timelines({ ...deps, runtime: elsewhere, redis }, service.live));
    const [reader, author] = [await join('without_redis'), await join('without_redis_author')];
    await relate('followed', reader, author);
    const ids = [await post(author), await post(author)].reverse();
    const made = await without('POST', '/posts', { ...reader, body: { text: 'still here' } });
    const answer = await without('GET', '/posts/home/without_redis', reader);
    expect([made.status, answer.status, idsOf(answer)]).toEqual([201, 200, [String(made.body.id), ...ids]]);
    await elsewhere.close();
  });

  test('of a reader who was long away is built as they return', async () => {
    const reader = await join('returning');
    const id = await post(reader);
    expect(await readAll(reader, 20)).toEqual([id]);
    await eventually(
      async () => (await readFeed(deps.redis, reader.id, { after: null, limit: 5 }))?.ids[0] === id,
    );
  });
});

describe('fan-out', () => {
  test('reaches every reader who has a feed, batch by batch, and no other', async () => {
    const author = await join('fan_author');
    const readers = await Promise.all([1, 2].map((index) => join(`fan_${index}`)));
    const away = await join('fan_away');
    for (const reader of [...readers, away]) {
      await relate('followed', reader, author);
      if (reader !== away) await buildFeed(deps, reader.id);
    }
    // The limit of this service is three followers; here more are fanned out.
    const many = { ...deps, fanoutFollowersLimit: 100 };
    const postId = await post(author);
    const batch = { postId, authorId: author.id, limit: 2 };
    const first = await deliverPost(many, { ...batch, afterFollower: null });
    expect(first.nextAfterFollower).toBeDefined();
    const second = await deliverPost(many, { ...batch, afterFollower: first.nextAfterFollower ?? null });
    expect(second.nextAfterFollower).toBeUndefined();
    expect(first.delivered + second.delivered).toBe(2);
    for (const reader of readers)
      expect((await readFeed(deps.redis, reader.id, { after: null, limit: 5 }))?.ids).toEqual([postId]);
    expect(await readFeed(deps.redis, away.id, { after: null, limit: 5 })).toBeNull();
  });

  test('passes by a post that has been deleted meanwhile', async () => {
    const author = await join('fan_deleted');
    await buildFeed(deps, author.id);
    const postId = await post(author);
    await call('DELETE', `/posts/id/${postId}`, author);
    expect(await deliverPost(deps, { postId, authorId: author.id, afterFollower: null, limit: 10 })).toEqual({
      delivered: 0,
      nextAfterFollower: undefined,
    });
  });

  test('leaves authors with many followers to be merged as their readers read', async () => {
    const author = await join('star');
    const readers = await Promise.all([1, 2, 3].map((index) => join(`star_fan_${index}`)));
    for (const reader of readers) {
      await relate('followed', reader, author);
      await buildFeed(deps, reader.id);
    }
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      ids.unshift(await post(author));
      await deliver(author.id, String(ids[0]));
    }
    for (const reader of readers) {
      expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual([]);
      expect(await readAll(reader, 2)).toEqual(ids);
    }
  });
});

describe('a feed', () => {
  const add = (readerId: string, ids: string[], homeSize = 3) =>
    deliverToFeeds(deps.redis, [readerId], ids, homeSize);
  const read = (readerId: string, after: string | null, limit: number) =>
    readFeed(deps.redis, readerId, { after, limit });

  test('keeps the newest, knows down to where it is complete, and takes nothing below that', async () => {
    const reader = uuidv7();
    expect(await add(reader, ['10'])).toBe(0);
    expect(await beginFeed(deps.redis, reader, 'a')).toBe(true);
    expect(await beginFeed(deps.redis, reader, 'b')).toBe(false);
    await add(reader, ['40', '5']);
    expect(await read(reader, null, 10)).toBeNull();
    const feed = { ids: ['30', '20'], floor: '20', homeSize: 3 };
    expect(await finishFeed(deps.redis, reader, { ...feed, token: 'b' })).toBe(false);
    expect(await finishFeed(deps.redis, reader, { ...feed, token: 'a' })).toBe(true);
    expect(await beginFeed(deps.redis, reader, 'c')).toBe(false);
    expect(await read(reader, null, 10)).toEqual({ ids: ['40', '30', '20'], floor: '20' });
    await add(reader, ['10', '50', '50', '35']);
    expect(await read(reader, null, 10)).toEqual({ ids: ['50', '40', '35'], floor: '35' });
    expect(await read(reader, null, 2)).toEqual({ ids: ['50', '40'] });
    expect(await read(reader, '40', 2)).toEqual({ ids: ['35'], floor: '35' });
    expect(await read(reader, '35', 2)).toBeNull();
  });

  test('stays compact with its eight hundred ids, and ends a week after it was last read', async () => {
    const reader = uuidv7();
    const ids = Array.from({ length: 900 }, () => deps.nextId());
    await beginFeed(deps.redis, reader, 'a');
    await finishFeed(deps.redis, reader, { token: 'a', ids, floor: null, homeSize: 800 });
    await add(reader, [deps.nextId()], 800);
    expect(await deps.redis.zCard(`home:{${reader}}`)).toBe(801);
    expect(await deps.redis.objectEncoding(`home:{${reader}}`)).toBe('listpack');
    expect(await deps.redis.ttl(`home:{${reader}}`)).toBeGreaterThan(6 * 86_400);
    expect((await read(reader, null, 1000))?.floor).toBe(String(ids[101]));
  });
});
