import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { inTransaction } from '#kit/mysql/database';
import { oldDatabase } from '../../tests/support/old-database';
import { findResume, updateResume } from './store';

const storage = await oldDatabase('resumes', '0000_initial');
afterAll(storage.drop);

test('résumés of the version before keep their titles, and take longer ones', async () => {
  const { database } = storage;
  const id = uuidv7();
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  const title = '🦉'.repeat(200);
  const document = { work: [{ endDate: '' }], own: '🦉' };
  await database.execute(sql`insert into resumes
    (id, owner_id, title, visibility, document, version, created_at, updated_at)
    values (${bytes}, ${bytes}, ${title}, 'private', ${JSON.stringify(document)}, 1, now(), now())`);

  await storage.migrate();
  expect(await findResume(database, id)).toMatchObject({ title, document });
  const longer = { title: '👨‍👩‍👧'.repeat(200), visibility: 'private', shareToken: null, document } as const;
  await inTransaction(database, (transaction) => updateResume(transaction, id, longer));
  expect(await findResume(database, id)).toMatchObject(longer);
});
