import { afterAll, expect, test } from 'bun:test';
import { migrateDatabase } from '#kit/mysql/migrations';
import { startAccounts } from '../../tests/support/accounts';
import { callerOf } from '../../tests/support/call';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { billing } from '.';
import { completeInterrupted } from './interrupted';
import { outbox } from './schema';

const runtime = testRuntime('billing-interrupted');
const [storage, accounts] = await Promise.all([testDatabase(), startAccounts()]);
const { database } = storage;
await migrateDatabase({
  address: storage.address,
  folder: `${import.meta.dir}/migrations`,
  log: runtime.log,
  signal: runtime.closing,
});
/** What happens between the transfer and its record. */
let afterTransfer = () => undefined as undefined;
const deps = {
  runtime,
  database,
  outbox: { wake() {} },
  accounts: {
    openAccount: accounts.client.openAccount,
    getTransfer: accounts.client.getTransfer,
    async transfer(request: Parameters<typeof accounts.client.transfer>[0]) {
      const result = await accounts.client.transfer(request);
      afterTransfer();
      return result;
    },
  },
  tokens: accounts.tokens.verifier,
};
const call = callerOf(billing(deps));
afterAll(async () => {
  await runtime.close();
  await accounts.close();
  await storage.drop();
});

type Holder = Awaited<ReturnType<typeof accounts.holder>>;
const create = async ({ authorization }: Holder) => {
  const lines = [{ description: 'Seeds', amount: '5.00' }];
  const { body } = await call('POST', '/invoices', { authorization, body: { currency: 'EUR', lines } });
  return String(body.id);
};
const pay = (who: Holder, id: string) =>
  call('POST', `/invoices/${id}/pay`, { authorization: who.authorization });
const statusOf = async (who: Holder, id: string) =>
  (await call('GET', `/invoices/${id}`, { authorization: who.authorization })).body.status;

test('an invoice whose payment was interrupted after the transfer is paid, and published once', async () => {
  const ada = await accounts.holder('20.00');
  const id = await create(ada);
  afterTransfer = () => {
    throw new Error('the process ends here');
  };
  expect((await pay(ada, id)).status).toBe(500);
  afterTransfer = () => undefined;
  expect([await statusOf(ada, id), await accounts.balanceOf(ada)]).toEqual(['open', '15.00']);
  await completeInterrupted(deps);
  expect(await statusOf(ada, id)).toBe('open');
  for (let round = 0; round < 2; round++) await completeInterrupted(deps, 0);
  expect([await statusOf(ada, id), await accounts.balanceOf(ada)]).toEqual(['paid', '15.00']);
  expect((await pay(ada, id)).status).toBe(200);
  const published = (await database.select().from(outbox)).filter((row) => row.aggregateId === id);
  expect(published.map(({ name }) => name)).toEqual(['invoice.paid']);
});

test('an invoice whose transfer was rejected stays open and moves nothing', async () => {
  const ada = await accounts.holder('1.00');
  const id = await create(ada);
  expect((await pay(ada, id)).body.code).toBe('account.insufficient-funds');
  await completeInterrupted(deps, 0);
  expect([await statusOf(ada, id), await accounts.balanceOf(ada)]).toEqual(['open', '1.00']);
});
