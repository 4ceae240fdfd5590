import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { oldDatabase } from '../../tests/support/old-database';
import { reverseOnce } from './ledger';
import { findTransfer } from './store';

const storage = await oldDatabase('accounts', '0000_initial');
afterAll(storage.drop);

test('a transfer that the version before has reversed cannot be reversed again, any other in parts', async () => {
  const { database } = storage;
  const bytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');
  const id = () => Bun.randomUUIDv7();
  const [sender, receiver, reversed, open] = [id(), id(), id(), id()];
  for (const account of [sender, receiver])
    await database.execute(sql`insert into accounts (id, owner_id, currency, overdraft_limit)
      values (${bytes(account)}, ${bytes(id())}, 'EUR', 10000)`);
  for (const transfer of [reversed, open])
    await database.execute(sql`insert into transfers
      (id, external_id, kind, sender_id, receiver_id, amount, currency, description, state)
      values (${bytes(transfer)}, ${bytes(id())}, 'transfer', ${bytes(sender)}, ${bytes(receiver)}, 500, 'EUR', 'Seeds', 'posted')`);
  await database.execute(sql`insert into transfers
    (id, external_id, kind, sender_id, receiver_id, amount, currency, description, state, reverses)
    values (${bytes(id())}, ${bytes(id())}, 'reversal', ${bytes(receiver)}, ${bytes(sender)}, 500, 'EUR', 'Seeds', 'posted', ${bytes(reversed)})`);

  await storage.migrate();
  const transferOf = async (transfer: string) => {
    const row = await findTransfer(database, transfer);
    if (row === undefined) throw new Error('no such transfer');
    return row;
  };
  const notReversible = expect.objectContaining({ code: 'transaction.not-reversible' });
  await expect(reverseOnce(database, id(), await transferOf(reversed), 1n)).rejects.toEqual(notReversible);
  const partial = await reverseOnce(database, id(), await transferOf(open), 200n);
  expect(partial).toMatchObject({ amount: 200n, reverses: open, description: 'Seeds' });
  await reverseOnce(database, id(), await transferOf(open), 300n);
  await expect(reverseOnce(database, id(), await transferOf(open), 1n)).rejects.toEqual(notReversible);
});
