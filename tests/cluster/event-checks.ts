import type { Pool, RowDataPacket } from 'mysql2/promise';
import { servicesWithDatabase } from '../../scripts/databases';
import type { Load } from './load';
import { type ClusterSystem, queryDatabase } from './system';

/** What events must have done: each one once at each consumer. */
export function eventChecksOf(system: ClusterSystem, load: Load): Record<string, () => Promise<string[]>> {
  return {
    'every event was handled once by each consumer with an inbox': () => unhandledEvents(system),
    async 'post counts equal SQL'() {
      const posts = await countsIn(
        system,
        'timelines',
        'select lower(hex(author_id)) as id, count(*) as number from posts where deleted_at is null group by author_id',
      );
      const counted = await countsIn(
        system,
        'users',
        'select lower(hex(id)) as id, posts_count as number from users',
      );
      return [...counted].flatMap(([id, count]) => differing(`user ${id}`, count, posts.get(id) ?? 0));
    },
    async 'every acknowledged like notifies the author once'() {
      const notified = await queryDatabase(system, 'notifications', (pool) =>
        rowsOf(
          pool,
          `select object_id as post, actors_count as counted, count(actor_id) as recorded
           from notifications left join notification_actors on notification_id = id
           where type = 'like' group by id, object_id, actors_count`,
        ),
      );
      return [...likersByPost(load)].flatMap(([post, likers]) => {
        const found = notified.filter((each) => each.post === post);
        if (likers.size === 0) return differing(`notifications of post ${post}`, found.length, 0);
        const [one] = found;
        return [
          ...differing(`notifications of post ${post}`, found.length, 1),
          ...differing(`people in that of post ${post}`, Number(one?.recorded), likers.size),
          ...differing(`number in that of post ${post}`, Number(one?.counted), likers.size),
        ];
      });
    },
  };
}

/** Rows of outboxes name the consumers of a sent message, and rows of inboxes the messages that one has handled. */
async function unhandledEvents(system: ClusterSystem): Promise<string[]> {
  const sent = new Map<string, string[]>();
  const handled = new Map<string, string[]>();
  for (const { name } of servicesWithDatabase())
    await queryDatabase(system, name, async (pool) => {
      const tables = (await rowsOf(pool, 'show tables')).flatMap((row) => Object.values(row).map(String));
      if (tables.includes('outbox'))
        for (const { id, headers } of await rowsOf(
          pool,
          `select lower(hex(message_id)) as id, cast(headers as char) as headers
           from outbox where destination = 'rabbitmq' and sent_at is not null`,
        ))
          for (const consumer of consumersIn(String(headers))) addTo(sent, consumer, String(id));
      if (tables.includes('inbox'))
        for (const { id, consumer } of await rowsOf(
          pool,
          'select lower(hex(message_id)) as id, consumer from inbox',
        ))
          addTo(handled, String(consumer), String(id));
    });
  if (handled.size === 0) return ['no inbox has a message'];
  return [...handled].flatMap(([consumer, ids]) => {
    const once = new Set(ids);
    const missing = (sent.get(consumer) ?? []).filter((id) => !once.has(id));
    return [
      ...differing(`messages in the inbox of ${consumer}`, ids.length, once.size),
      ...differing(`messages that ${consumer} has not handled`, missing.length, 0),
    ];
  });
}

const consumersIn = (headers: string) => (JSON.parse(headers) as { consumers?: string[] }).consumers ?? [];

function addTo(lists: Map<string, string[]>, key: string, value: string) {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Those of whom the author is notified: likes of one's own posts notify nobody. */
function likersByPost({ acknowledged, people }: Load): Map<string, Set<string>> {
  const idOf = new Map(people.map(({ username, id }) => [username, id]));
  const authors = new Map(acknowledged.posts.map(({ id, author }) => [id, idOf.get(author)]));
  const likes = Map.groupBy(acknowledged.likes, ({ post }) => post);
  return new Map(
    [...likes].map(([post, of]) => [
      post,
      new Set(of.map(({ person }) => person).filter((person) => person !== authors.get(post))),
    ]),
  );
}

const countsIn = (system: ClusterSystem, service: string, statement: string) =>
  queryDatabase(
    system,
    service,
    async (pool) =>
      new Map((await rowsOf(pool, statement)).map(({ id, number }) => [String(id), Number(number)])),
  );

const rowsOf = async (pool: Pool, statement: string): Promise<RowDataPacket[]> =>
  (await pool.query<RowDataPacket[]>(statement))[0];

const differing = (what: string, found: number, expected: number) =>
  found === expected ? [] : [`${what}: ${found} instead of ${expected}`];
