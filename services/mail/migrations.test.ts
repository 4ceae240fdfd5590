import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { oldDatabase } from '../../tests/support/old-database';
import { ensureMail, listMails } from './store';

const storage = await oldDatabase('mail', '0000_initial');
afterAll(storage.drop);
const { database } = storage;
const bytes = (uuid: string) => Buffer.from(uuid.replaceAll('-', ''), 'hex');

test('mails of the first version are found by their address, and are repeated by nothing', async () => {
  const [id, eventId] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await database.execute(sql`
    insert into mails (id, event_id, template, recipient, address, status, created_at)
    values (${bytes(id)}, ${bytes(eventId)}, 'notification', 'jose@example.com', 'Jose@example.com', 'sent', utc_timestamp(3))`);
  await storage.migrate();
  const found = await listMails(database, { to: 'JOSE@example.com', beforeId: null, limit: 5 });
  expect(found).toMatchObject([{ id, address: 'Jose@example.com', addressKey: 'jose@example.com' }]);
  expect(await listMails(database, { to: 'josé@example.com', beforeId: null, limit: 5 })).toEqual([]);
  const again = await database.transaction((transaction) =>
    ensureMail(transaction, {
      id: Bun.randomUUIDv7(),
      eventId,
      template: 'notification',
      recipient: 'jose@example.com',
      userId: null,
    }),
  );
  expect(again.id).toBe(id);
});
