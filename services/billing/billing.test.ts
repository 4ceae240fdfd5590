import { afterAll, describe, expect, test } from 'bun:test';
import { asc, eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { outbox } from '#kit/messaging/tables';
import { migrateDatabase } from '#kit/mysql/migrations';
import { startAccounts } from '../../tests/support/accounts';
import { callerOf } from '../../tests/support/call';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { billing } from '.';
import { billPayment } from './service';
import { forgetPerson } from './store';

const runtime = testRuntime('billing');
const [storage, accounts] = await Promise.all([testDatabase(), startAccounts()]);
const { database } = storage;
await migrateDatabase({
  address: storage.address,
  folder: `${import.meta.dir}/migrations`,
  log: runtime.log,
  signal: runtime.closing,
});
const deps = {
  runtime,
  database,
  outbox: { wake() {} },
  accounts: accounts.client,
  tokens: accounts.tokens.verifier,
};
const app = billing(deps);
const call = callerOf(app);
afterAll(async () => {
  expect(await accounts.audit()).toEqual([]);
  await runtime.close();
  await accounts.close();
  await storage.drop();
});

const LINES = [
  { description: 'Seeds', amount: '1.5' },
  { description: 'A house', amount: '10.00' },
];
const write = (authorization: string, body: object = {}, key?: string) =>
  call('POST', '/invoices', {
    body: { currency: 'EUR', lines: LINES, ...body },
    authorization,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
const pay = (authorization: string, id: unknown) => call('POST', `/invoices/${id}/pay`, { authorization });
const told = async (invoiceId: unknown) =>
  (
    await database
      .select()
      .from(outbox)
      .where(eq(outbox.aggregateId, String(invoiceId)))
      .orderBy(asc(outbox.id))
  ).map((row) => JSON.parse(row.payload));

describe('an invoice', () => {
  test('adds up its lines, and is paid once from the account of whom it is written to', async () => {
    const ada = await accounts.holder('20.00');
    const written = await write(ada.authorization);
    expect(written.status).toBe(201);
    expect(written.headers.get('location')).toBe(`/invoices/${written.body.id}`);
    expect(written.body).toMatchObject({ amount: '11.50', status: 'open', user_id: ada.id, paid_at: null });
    const paid = await Promise.all(Array.from({ length: 5 }, () => pay(ada.authorization, written.body.id)));
    expect(paid.map(({ status, body }) => [status, body.status])).toEqual(Array(5).fill([200, 'paid']));
    expect(await accounts.balanceOf(ada)).toBe('8.50');
    expect((await told(written.body.id)).map(({ name, data }) => [name, data.amount, data.lines])).toEqual([
      ['invoice.paid', '11.50', [{ description: 'Seeds', amount: '1.50' }, LINES[1]]],
    ]);
  });

  test('stays open when there is not enough money', async () => {
    const ada = await accounts.holder('11.49');
    const { id } = (await write(ada.authorization)).body;
    expect((await pay(ada.authorization, id)).body.code).toBe('account.insufficient-funds');
    expect((await call('GET', `/invoices/${id}`, ada)).body.status).toBe('open');
    expect(await told(id)).toEqual([]);
  });

  test('is nobody else’s to write, see or pay, but for those who may', async () => {
    const [ada, bela] = [await accounts.holder(), await accounts.holder()];
    expect((await write(bela.authorization, { user_id: ada.id })).status).toBe(403);
    const operator = await accounts.tokens.authorization({ id: uuidv7(), username: 'operator' }, [
      'invoices:manage',
    ]);
    const { id } = (await write(operator, { user_id: ada.id })).body;
    expect((await call('GET', `/invoices/${id}`, bela)).status).toBe(404);
    expect((await pay(bela.authorization, id)).status).toBe(404);
    expect((await pay(operator, id)).status).toBe(403);
    expect((await call('GET', '/invoices', ada)).body.items).toMatchObject([{ id }]);
  });

  test('is numbered without a gap, also when many are written at the same time', async () => {
    const ada = await accounts.holder();
    const written = await Promise.all(Array.from({ length: 20 }, () => write(ada.authorization)));
    const numbers = written
      .map(({ body }) => Number(String(body.number).split('-')[1]))
      .sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    const key = uuidv7();
    const [first, second] = [
      await write(ada.authorization, {}, key),
      await write(ada.authorization, {}, key),
    ];
    expect(second.body).toEqual(first.body);
  });

  test.each([
    ['no lines', { lines: [] }],
    ['an amount of nothing', { lines: [{ description: 'x', amount: '0' }] }],
    ['too many decimals', { lines: [{ description: 'x', amount: '0.001' }] }],
    ['a JSON number', { lines: [{ description: 'x', amount: 1 }] }],
    ['a description of two lines', { lines: [{ description: 'x\ny', amount: '1' }] }],
    ['an unknown currency', { currency: 'ZZZ' }],
    ['a sum nobody could pay', { lines: Array(2).fill({ description: 'x', amount: '99999999999.99' }) }],
    ['too many lines', { lines: Array(101).fill(LINES[0]) }],
  ])('with %s is refused', async (_what, body) => {
    expect((await write((await accounts.holder()).authorization, body)).status).toBe(422);
  });

  test('is a page on which every text is a text, whatever it holds', async () => {
    const ada = await accounts.holder();
    const hostile = `<script>alert(1)</script>"'&`;
    const { body } = await write(ada.authorization, {
      currency: 'JPY',
      lines: [{ description: hostile, amount: '1200' }],
    });
    const response = await app.handle(
      new Request(`http://localhost/invoices/${body.id}.html`, {
        headers: { authorization: ada.authorization },
      }),
    );
    const html = await response.text();
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ]);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).not.toMatch(/<script|undefined|null|\[object/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).toContain('¥1,200');
    expect(html).toContain(String(body.number));
    const stranger = await accounts.holder();
    expect((await call('GET', `/invoices/${body.id}.html`, stranger)).status).toBe(404);
  });
});

describe('a payment that succeeded', () => {
  const payment = () => ({
    payment_id: uuidv7(),
    user_id: uuidv7(),
    amount: '12.50',
    currency: 'EUR',
    description: 'Stickers',
    transfer_id: uuidv7(),
    succeeded_at: '2026-11-20T09:15:01.000Z',
  });

  test('is billed once, however often it is told of, and the invoice is paid and told of', async () => {
    const data = payment();
    await Promise.all(Array.from({ length: 10 }, () => billPayment(deps, data)));
    await billPayment(deps, data);
    const authorization = await accounts.tokens.authorization({ id: data.user_id, username: 'ada' });
    const { items } = (await call('GET', '/invoices', { authorization })).body as { items: { id: string }[] };
    expect(items).toMatchObject([
      { payment_id: data.payment_id, amount: '12.50', status: 'paid', paid_at: data.succeeded_at },
    ]);
    expect((await told(items[0]?.id)).map(({ name }) => name)).toEqual(['invoice.paid']);
    await forgetPerson(database, data.user_id);
    expect((await call('GET', `/invoices/${items[0]?.id}`, { authorization })).status).toBe(404);
  });
});

test('who is not signed in gets 401', async () => {
  for (const { method, path } of routeClaims(app))
    expect([path, (await call(method, path.replace(':id', uuidv7()))).status]).toEqual([path, 401]);
});
