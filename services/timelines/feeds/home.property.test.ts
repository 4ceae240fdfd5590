import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { testRuntime } from '../../../tests/support/servers';
import { type Member, startTimelines } from '../../../tests/support/timelines';
import { buildFeed } from './build';
import { deleteFeed } from './store';

const runtime = testRuntime('timelines-home-property');
// Small, so that every run reaches the floor of the feed, and authors who are merged at read time.
const service = await startTimelines(runtime, { homeSize: 12, fanoutFollowersLimit: 3 });
const { block, call, deps, fanOut, join, mute, readHome, relate, storage } = service;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

test('a home timeline equals one query over the tables, with a feed, without, and while it is built', async () => {
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
        expect(await readHome(reader, pageSize)).toEqual(expected);
        await buildFeed(deps, reader.id);
        expect(await readHome(reader, pageSize)).toEqual(expected);
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);

/** The home timeline by one query that shares nothing with the service. */
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
    arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'expire', 'build'), by: person }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
const scenario = fc.record({
  follows: fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
  steps: fc.array(step, { minLength: 20, maxLength: 70 }),
  pageSize: fc.integer({ min: 1, max: 7 }),
});

/** Runs the steps as a live system would: deliveries, builds and events are concurrent with everything else. */
async function play(people: readonly Member[], steps: readonly Step[]): Promise<void> {
  const created: { id: string; by: Member }[] = [];
  const running: Promise<unknown>[] = [];
  const member = (index: number): Member => {
    const found = people[index];
    if (found === undefined) throw new Error(`no person ${index}`);
    return found;
  };
  for (const each of steps)
    switch (each.kind) {
      case 'post': {
        const by = member(each.by);
        const response = await call('POST', '/posts', {
          ...by,
          body: bodyOf(each.as, created.at(-1 - each.recent)),
        });
        if (response.status !== 201) break;
        const id = String(response.body.id);
        created.push({ id, by });
        // Jobs are redelivered, in any order.
        running.push(fanOut(by.id, id), fanOut(by.id, id));
        break;
      }
      case 'delete': {
        const post = created.at(-1 - each.recent);
        if (post) await call('DELETE', `/posts/id/${post.id}`, post.by);
        break;
      }
      case 'read':
        running.push(call('GET', `/posts/home/${member(each.by).username}`, member(each.by)));
        break;
      case 'expire':
        running.push(deleteFeed(deps.redis, member(each.by).id));
        break;
      case 'build':
        running.push(buildFeed(deps, member(each.by).id));
        break;
      default:
        if (each.by !== each.other)
          running.push(changeRelation(each.kind, member(each.by), member(each.other)));
    }
  await Promise.all(running);
}

function changeRelation(kind: (typeof RELATIONS)[number], one: Member, other: Member): Promise<void> {
  if (kind === 'followed' || kind === 'unfollowed') return relate(kind, one, other);
  return kind === 'muted' || kind === 'unmuted' ? mute(kind, one, other) : block(kind, one, other);
}

function bodyOf(as: string, target: { id: string } | undefined): object {
  if (as === 'reply' && target) return { text: 'a reply', reply_to: target.id };
  if (as === 'repost' && target) return { repost_of: target.id };
  return { text: 'a text', visibility: as === 'followers' ? 'followers' : 'public' };
}
