import { sql } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { growingNetwork } from '../growth/network';
import { idOf } from '../support/network';
import { readOptions } from '../support/options';
import { populate, type ServerEnvironment, withDatabase } from '../support/population';
import { usedMemory, withRedis } from '../support/redis';
import type { Row } from '../support/result-types';
import { report, rounded } from '../support/results';
import { startServers } from '../support/system';

/**
 * What a person, a follow, a post, a like and their like take on disk and in memory, with all indexes: the constants of
 * docs/SCALING.md. Sizes do not depend on other load of the machine.
 */
const PEOPLE = 10_000;
const FOLLOWS_EACH = 10;
const POSTS_EACH = 10;
/** Rows of the tables that `populate` leaves empty. */
const ROWS = 50_000;
const FEEDS = 200;
/** HOME_SIZE. */
const FEED_LENGTH = 800;
const LIKES = 100_000;

const SENT_MESSAGE = {
  columns:
    'message_id, aggregate_type, aggregate_id, aggregate_version, destination, name, payload, erase_payload, headers, created_at, available_at, sent_at',
  values: `random_bytes(16), 'post', seq * 4096, 1, 'rabbitmq', 'post.created', '', true, '{"exchange":"posts","routing_key":"post.created","consumers":["users","notifications","media-records"]}', utc_timestamp(3), utc_timestamp(3), utc_timestamp(3)`,
};
const SESSION = {
  columns: 'id, user_id, address, user_agent, created_at, last_used_at, expires_at, ends_at',
  values: `random_bytes(16), random_bytes(16), '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', utc_timestamp(3), utc_timestamp(3), utc_timestamp(3), utc_timestamp(3)`,
};
const NOTIFICATION = {
  columns:
    'id, user_id, type, object_id, reason, subject_id, actors_count, latest_actors, unread, mail_pending, position, changed_at',
  values: `seq, random_bytes(16), 'like', seq * 4096, '', null, 1, concat('["', uuid(), '"]'), true, false, seq, utc_timestamp(3)`,
};

const options = readOptions(['disk', 'memory'], { seconds: 0 });
const servers = await startServers({ kept: undefined, only: ['mariadb', 'redis'] });
try {
  const { environment } = servers.stack;
  const rows: Row[] = [];
  if (options.has('disk')) rows.push(...(await measureDisk(environment)));
  if (options.has('memory')) rows.push(...(await measureMemory()));
  report({ name: 'storage', title: 'Disk and memory' }, rows, options.record);
} finally {
  await servers.stop();
}

async function measureDisk(environment: ServerEnvironment): Promise<Row[]> {
  await populate(environment, growingNetwork({ people: PEOPLE, followsEach: FOLLOWS_EACH }), {
    postsEach: POSTS_EACH,
  });
  await withDatabase('timelines', environment, async (database) => {
    await fill(database, 'stream_entries', 'seq, seq * 4096', 'position, post_id');
    await fill(database, 'outbox', SENT_MESSAGE.values, SENT_MESSAGE.columns);
  });
  await withDatabase('auth', environment, async (database) => {
    await fill(database, 'sessions', SESSION.values, SESSION.columns);
    await fill(
      database,
      'refresh_tokens',
      'sha2(seq, 256), random_bytes(16), null',
      'hash, session_id, used_at',
    );
  });
  await withDatabase('notifications', environment, async (database) => {
    await fill(database, 'notifications', NOTIFICATION.values, NOTIFICATION.columns);
    await fill(
      database,
      'notification_actors',
      'seq, random_bytes(16), seq',
      'notification_id, actor_id, position',
    );
  });
  const per = (service: string, table: string) =>
    withDatabase(service, environment, (database) => bytesPerRow(database, table));
  const sum = async (...tables: readonly [service: string, table: string][]) => {
    let bytes = 0;
    for (const [service, table] of tables) bytes += await per(service, table);
    return bytes;
  };
  const disk = (name: string, bytes: number): Row => ({ name, figures: { 'disk bytes': Math.round(bytes) } });
  return [
    disk(
      'a person',
      await sum(
        ['users', 'users'],
        ['users', 'user_roles'],
        ['auth', 'credentials'],
        ['timelines', 'people'],
        // As in notifications, which nobody has filled.
        ['timelines', 'people'],
      ),
    ),
    disk('a follow', await sum(['users', 'follows'], ['timelines', 'follows'])),
    disk(
      'a post',
      await sum(['timelines', 'posts'], ['timelines', 'post_hashtags'], ['timelines', 'stream_entries']),
    ),
    disk('a sent message in an outbox', await per('timelines', 'outbox')),
    disk(
      'a notification',
      await sum(['notifications', 'notifications'], ['notifications', 'notification_actors']),
    ),
    disk('a session', await sum(['auth', 'sessions'], ['auth', 'refresh_tokens'])),
  ];
}

async function fill(database: Database, table: string, values: string, columns: string): Promise<void> {
  await database.execute(sql.raw(`insert into ${table} (${columns}) select ${values} from seq_1_to_${ROWS}`));
}

/** Data and indexes, after the server has written them anew. */
async function bytesPerRow(database: Database, table: string): Promise<number> {
  await database.execute(sql.raw(`optimize table ${table}`));
  await database.execute(sql.raw(`analyze table ${table}`));
  const [[size]] = (await database.execute(
    sql`select data_length + index_length as bytes from information_schema.tables
      where table_schema = database() and table_name = ${table}`,
  )) as unknown as [[{ bytes: string }]];
  const [[count]] = (await database.execute(sql.raw(`select count(*) as n from ${table}`))) as unknown as [
    [{ n: string }],
  ];
  return Number(size.bytes) / Math.max(1, Number(count.n));
}

function measureMemory(): Promise<Row[]> {
  return withRedis(servers.stack, async (redis) => {
    const grown = async (work: () => Promise<unknown>) => {
      const before = await usedMemory(redis);
      await work();
      return (await usedMemory(redis)) - before;
    };
    const feeds = await grown(async () => {
      for (let person = 0; person < FEEDS; person++)
        await redis.zAdd(
          `home:{${idOf(person)}}`,
          Array.from({ length: FEED_LENGTH }, (_, post) => feedEntry(person * FEED_LENGTH + post)),
        );
    });
    const likes = await grown(async () => {
      for (let start = 0; start < LIKES; start += 1_000)
        await Promise.all(
          Array.from({ length: 1_000 }, async (_, offset) => {
            const [person, post] = likeOf(start + offset);
            const at = Date.now() + start + offset;
            await Promise.all([
              redis.zAdd(`likes:post:${post}`, { score: at, value: person }),
              redis.zAdd(`likes:person:${person}`, { score: at, value: post }),
            ]);
          }),
        );
    });
    const memory = (name: string, bytes: number): Row => ({
      name,
      figures: { 'Redis bytes': rounded(bytes, 0) },
    });
    return [memory('a feed of 800 posts', feeds / FEEDS), memory('a like', likes / LIKES)];
  });
}

/** Ids of today. */
function postId(number: number): string {
  return String(1_500_000_000_000_000 + number * 4_096);
}

function feedEntry(number: number): { score: number; value: string } {
  return { score: Number(postId(number)), value: postId(number) };
}

/** Everybody likes twenty posts, and a post has ten likes on average. */
function likeOf(number: number): [person: string, post: string] {
  return [idOf(Math.floor(number / 20)), postId((number * 7_919) % (LIKES / 10))];
}
