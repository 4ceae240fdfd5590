import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { oldDatabase } from '../../tests/support/old-database';
import { requestCopies } from './copies/service';
import { backfillTagKeys, findTags } from './files/tags-store';
import { categories, mediaTags, mediaVersions } from './schema';

const storage = await oldDatabase('media', '0000_initial');
afterAll(storage.drop);
const { database } = storage;
const bytes = (uuid: string) => Buffer.from(uuid.replaceAll('-', ''), 'hex');

test('tags and categories of the first version get canonical keys, and nothing is lost', async () => {
  // As on servers whose collation tells composed and decomposed letters apart.
  await database.execute(
    sql`alter table media_tag modify name varchar(64) character set utf8mb4 collate utf8mb4_general_ci not null`,
  );
  const names = ['Cats', 'año', 'CAFÉ', 'cafe\u0301', '日本'];
  const file = Bun.randomUUIDv7();
  for (const name of names) {
    const id = Bun.randomUUIDv7();
    await database.execute(sql`insert into media_tag values (${bytes(id)}, ${name})`);
    await database.execute(sql`insert into media_tags_media values (${bytes(file)}, ${bytes(id)})`);
  }
  const top = bytes('00000000-0000-0000-0000-000000000000');
  await database.execute(sql`
    insert into category (id, siblings_of, title, slug, level, path, created_by, created_at)
    values (${bytes(file)}, ${top}, 'Sınır X', 'sınır-x', 0, 'sınır-x', ${bytes(file)}, utc_timestamp(3))`);

  await storage.migrate();
  await backfillTagKeys(database);
  await backfillTagKeys(database);

  const tags = await database.select().from(mediaTags);
  expect(tags.map(({ key }) => key).toSorted()).toEqual(['año', 'café', 'cats', '日本']);
  expect((await findTags(database, [file])).get(file)?.toSorted()).toEqual(['CAFÉ', 'Cats', 'año', '日本']);
  expect(await database.select().from(categories)).toMatchObject([{ title: 'Sınır X', slug: 'sınır-x' }]);
});

test('files of the version before wait for their copies; an older instance goes on storing files', async () => {
  const old = await oldDatabase('media', '0003_public-by-posts');
  try {
    const [id, owner] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    const file = (version: number) => sql`
      insert into media_version (media_id, version, file_name, sha256, size, type, status, created_at)
      values (${bytes(id)}, ${version}, 'a.jpg', ${Buffer.alloc(32, version)}, 9, 'image/jpeg', 'ready', utc_timestamp(3))`;
    await old.database.execute(sql`
      insert into media (id, owner_id, bucket_name, visibility, current_version, latest_version, created_at, updated_at)
      values (${bytes(id)}, ${bytes(owner)}, 'chat-bucket', 'public', 2, 2, utc_timestamp(3), utc_timestamp(3))`);
    await old.database.execute(file(1));
    await old.migrate();
    await old.database.execute(file(2));
    expect(await old.database.select().from(mediaVersions)).toMatchObject([
      { version: 1, copyStatus: 'pending', copySha256: null },
      { version: 2, copyStatus: 'pending', copySha256: null },
    ]);
    expect(await requestCopies({ database: old.database, outbox: { wake() {} } })).toBe(2);
  } finally {
    await old.drop();
  }
});
