import { afterAll, describe, expect, test } from 'bun:test';
import { asc, eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { outbox } from '#kit/messaging/tables';
import { migrateDatabase } from '#kit/mysql/migrations';
import { startAccounts } from '../../tests/support/accounts';
import { callerOf } from '../../tests/support/call';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { billing } from '.';
import { billingPortability } from './portability';
import { invoices } from './schema';
import { billPayment } from './service';
import { anonymizeInvoices } from './store';

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
  { description: 'A birdhouse', amount: '10.00' },
];
const create = (authorization: string, body: object = {}, key?: string) =>
  call('POST', '/invoices', {
    body: { currency: 'EUR', lines: LINES, ...body },
    authorization,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
const pay = (authorization: string, id: unknown) => call('POST', `/invoices/${id}/pay`, { authorization });
const eventsOf = async (invoiceId: unknown) =>
  (
    await database
      .select()
      .from(outbox)
      .where(eq(outbox.aggregateId, String(invoiceId)))
      .orderBy(asc(outbox.id))
  ).map((row) => JSON.parse(row.payload));

describe('an invoice', () => {
  test('is the sum of its lines, and is paid once from the account of the billed user', async () => {
    const ada = await accounts.holder('20.00');
    const created = await create(ada.authorization);
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/invoices/${created.body.id}`);
    expect(created.body).toMatchObject({ amount: '11.50', status: 'open', user_id: ada.id, paid_at: null });
    const paid = await Promise.all(Array.from({ length: 5 }, () => pay(ada.authorization, created.body.id)));
    expect(paid.map(({ status, body }) => [status, body.status])).toEqual(Array(5).fill([200, 'paid']));
    expect(await accounts.balanceOf(ada)).toBe('8.50');
    expect(
      (await eventsOf(created.body.id)).map(({ name, data }) => [name, data.amount, data.lines]),
    ).toEqual([['invoice.paid', '11.50', [{ description: 'Seeds', amount: '1.50' }, LINES[1]]]]);
  });

  test('has descriptions of 300 characters, however they are encoded, which its event carries', async () => {
    const ada = await accounts.holder('20.00');
    const description = '🏳️‍🌈'.repeat(300);
    const { body } = await create(ada.authorization, { lines: [{ description, amount: '1' }] });
    expect(body.lines).toEqual([{ description, amount: '1.00' }]);
    expect((await pay(ada.authorization, body.id)).body.status).toBe('paid');
    expect((await eventsOf(body.id))[0]?.data.lines).toEqual([{ description, amount: '1.00' }]);
  });

  test('stays open when funds are insufficient', async () => {
    const ada = await accounts.holder('11.49');
    const { id } = (await create(ada.authorization)).body;
    expect((await pay(ada.authorization, id)).body.code).toBe('account.insufficient-funds');
    expect((await call('GET', `/invoices/${id}`, ada)).body.status).toBe('open');
    expect(await eventsOf(id)).toEqual([]);
  });

  test('cannot be created, read or paid by other users without permission', async () => {
    const [ada, bela] = [await accounts.holder(), await accounts.holder()];
    expect((await create(bela.authorization, { user_id: ada.id })).status).toBe(403);
    const operator = await accounts.tokens.authorization({ id: uuidv7(), username: 'operator' }, [
      'invoices:manage',
    ]);
    const { id } = (await create(operator, { user_id: ada.id })).body;
    expect((await call('GET', `/invoices/${id}`, bela)).status).toBe(404);
    expect((await pay(bela.authorization, id)).status).toBe(404);
    expect((await pay(operator, id)).status).toBe(403);
    expect((await call('GET', '/invoices', ada)).body.items).toMatchObject([{ id }]);
  });

  test('that cannot be shown any more is left out of its page', async () => {
    const ada = await accounts.holder();
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.unshift(String((await create(ada.authorization)).body.id));
    const change = { lines: [{ description: 'Seeds' }] as never };
    await database
      .update(invoices)
      .set(change)
      .where(eq(invoices.id, ids[1] ?? ''));
    const { status, body } = await call('GET', '/invoices', ada);
    expect([status, (body.items as { id: string }[]).map(({ id }) => id)]).toEqual([
      200,
      [String(ids[0]), String(ids[2])],
    ]);
  });

  test('is numbered without gaps, also under concurrency', async () => {
    const ada = await accounts.holder();
    const created = await Promise.all(Array.from({ length: 20 }, () => create(ada.authorization)));
    const numbers = created
      .map(({ body }) => Number(String(body.number).split('-')[1]))
      .sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    const key = uuidv7();
    const [first, second] = [
      await create(ada.authorization, {}, key),
      await create(ada.authorization, {}, key),
    ];
    expect(second.body).toEqual(first.body);
  });

  test.each([
    ['no lines', { lines: [] }],
    ['an amount of zero', { lines: [{ description: 'x', amount: '0' }] }],
    ['too many decimals', { lines: [{ description: 'x', amount: '0.001' }] }],
    ['a JSON number', { lines: [{ description: 'x', amount: 1 }] }],
    ['a multi-line description', { lines: [{ description: 'x\ny', amount: '1' }] }],
    ['a blank description', { lines: [{ description: ' \u2800', amount: '1' }] }],
    ['a description that is too long', { lines: [{ description: '🦉'.repeat(301), amount: '1' }] }],
    ['an exponent', { lines: [{ description: 'x', amount: '1e1' }] }],
    ['digits of another script', { lines: [{ description: 'x', amount: '٥' }] }],
    ['an unknown currency', { currency: 'ZZZ' }],
    [
      'a total above the maximum amount',
      { lines: Array(2).fill({ description: 'x', amount: '99999999999.99' }) },
    ],
    ['too many lines', { lines: Array(101).fill(LINES[0]) }],
  ])('with %s is rejected', async (_case, body) => {
    expect((await create((await accounts.holder()).authorization, body)).status).toBe(422);
  });

  test('is rendered as a page that escapes every text', async () => {
    const ada = await accounts.holder();
    const hostile = `<script>alert(1)</script>"'&`;
    const { body } = await create(ada.authorization, {
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

  test('is billed once, however often its event is redelivered, and the paid invoice is published', async () => {
    const data = payment();
    await Promise.all(Array.from({ length: 10 }, () => billPayment(deps, data)));
    await billPayment(deps, data);
    const authorization = await accounts.tokens.authorization({ id: data.user_id, username: 'ada' });
    const { items } = (await call('GET', '/invoices', { authorization })).body as { items: { id: string }[] };
    expect(items).toMatchObject([
      { payment_id: data.payment_id, amount: '12.50', status: 'paid', paid_at: data.succeeded_at },
    ]);
    expect((await eventsOf(items[0]?.id)).map(({ name }) => name)).toEqual(['invoice.paid']);
    await anonymizeInvoices(database, data.user_id);
    expect((await call('GET', `/invoices/${items[0]?.id}`, { authorization })).status).toBe(404);
  });
});

test('every route requires a valid token', async () => {
  for (const { method, path } of routeClaims(app))
    expect([path, (await call(method, path.replace(':id', uuidv7()))).status]).toEqual([path, 401]);
});

test('an export has all invoices of a person', async () => {
  const { id, authorization } = await accounts.holder();
  const created = [await create(authorization), await create(authorization)];
  expect(recordsIn(await exportAll(billingPortability(deps), id))).toEqual({
    invoices: created.map(({ body }) => body).reverse(),
  });
});
