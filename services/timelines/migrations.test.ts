import { afterAll, expect, test } from 'bun:test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asc, eq, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { migrateDatabase } from '#kit/mysql/migrations';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { searchExpression } from './lists/search';
import { listMatching, listTagged } from './lists/store';
import { recount } from './posts/maintenance/recount';
import { indexTexts, TEXT_VERSION } from './posts/maintenance/text-index';
import { postHashtags, posts, streamAuthors } from './schema';

const FOLDER = `${import.meta.dir}/migrations`;
const runtime = testRuntime('timelines-migrations');
const storage = await testDatabase();
const { database } = storage;
const older = await mkdtemp(join(tmpdir(), 'timelines-'));

afterAll(async () => {
  await runtime.close();
  await storage.drop();
  await rm(older, { recursive: true });
});

const migrate = (folder: string) =>
  migrateDatabase({ address: storage.address, folder, log: runtime.log, signal: runtime.closing });

/** Brings the database to the newest migration before the one with this number. */
async function migrateBefore(number: number): Promise<void> {
  await cp(FOLDER, older, { recursive: true });
  const journal = Bun.file(join(older, 'meta/_journal.json'));
  const { entries, ...rest } = await journal.json();
  await Bun.write(journal, JSON.stringify({ ...rest, entries: entries.slice(0, number) }));
  await migrate(older);
}

const NOBODY = Buffer.alloc(16);
const author = uuidv7();
const authorBytes = Buffer.from(author.replaceAll('-', ''), 'hex');

/** A row as the version before wrote it. */
async function insertOld(id: number, row: { text: string; repostOf?: number; by?: Buffer; tags?: string[] }) {
  const { text, repostOf = null, by = NOBODY, tags = [] } = row;
  await database.execute(sql`insert into posts (id, author_id, text, repost_of, visibility, media_ids, hashtags)
    values (${id}, ${by}, ${text}, ${repostOf}, 'public', '[]', ${JSON.stringify(tags)})`);
  for (const tag of tags) await database.execute(sql`insert into post_hashtags values (${tag}, ${id})`);
}

const idsFor = async (query: string) =>
  (await listMatching(database, searchExpression(query) ?? '', { after: null, limit: 10 })).map(
    ({ id }) => id,
  );
const idsTagged = async (tag: string) =>
  (await listTagged(database, tag, { after: null, limit: 10 })).map(({ id }) => id);

test('a database of the version before has its quotes counted, its texts indexed and its order kept', async () => {
  await migrateBefore(3);
  const persian = '#نرم‌افزار';
  await insertOld(1, { text: `昨日、東京タワーに行きました ${persian} #Año`, tags: ['نرم', 'año'] });
  await insertOld(2, { text: 'Go', by: authorBytes });
  await insertOld(3, { text: '', repostOf: 2 });
  await insertOld(4, { text: 'so true', repostOf: 2, by: authorBytes });
  await insertOld(5, { text: '' });
  await database.execute(sql`update posts set reposts_count = 2 where id = 2`);
  await database.execute(sql`update posts set deleted_at = now() where id = 5`);
  await database.execute(sql`insert into stream_entries values (1, 2), (2, 4)`);

  await migrate(FOLDER);
  const rows = await database.select().from(posts).orderBy(asc(posts.id));
  expect(rows.map((row) => [row.repostOf, row.plainRepostOf])).toEqual([
    [null, null],
    [null, null],
    ['2', '2'],
    ['2', null],
    [null, null],
  ]);
  expect(rows[1]).toMatchObject({ repostsCount: 1, quotesCount: 1 });
  const changes = {
    current: async () => false,
    repliesProve: true,
    doubt() {},
    announce: async () => undefined,
  };
  expect(await recount({ runtime, database, changes })).toBe(0);
  expect(await database.select().from(streamAuthors)).toEqual([{ authorId: author, postId: '4' }]);

  // A run that was broken off continues with what is left.
  await database.update(posts).set({ textVersion: TEXT_VERSION, searchTokens: '' }).where(eq(posts.id, '4'));
  expect(await indexTexts({ runtime, database })).toBe(4);
  expect(await indexTexts({ runtime, database })).toBe(0);
  expect([await idsFor('東京'), await idsFor('go'), await idsFor('true')]).toEqual([['1'], ['2'], []]);
  expect(await idsTagged('نرم‌افزار')).toEqual(['1']);
  expect([await idsTagged('نرم'), await idsTagged('ano'), await idsTagged('año')]).toEqual([[], [], ['1']]);
  expect(await database.select().from(postHashtags)).toHaveLength(2);
});
