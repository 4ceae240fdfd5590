import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { Problem } from '#kit/errors/problem';
import { bindCursor, encodeCursor, InvalidCursor } from '#kit/http/lists/cursor';
import { routeClaims } from '#kit/http/route-claims';
import { type Holder, startAccounts } from '../../tests/support/accounts';
import { eventually } from '../../tests/support/eventually';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { accountsPortability } from './portability';
import { closeAccountsOf, openAccount } from './service';
import { WORLD } from './store';
import { expireTransactions } from './transactions';
import { usernameOf } from './users';

const users = new Map<string, { id: string; username: string; display_name: string; version: number }>();
const service = await startAccounts({
  users: {
    async createUser({ username }) {
      const taken = [...users.values()].some((user) => user.username === username);
      if (taken) throw new Problem('user.username-taken', 409, 'Username taken');
      const user = { id: Bun.randomUUIDv7(), username, display_name: username, version: 1 };
      users.set(user.id, user);
      return { user };
    },
    getUsers: async ({ ids }) => ({ users: ids.flatMap((id) => users.get(id) ?? []) }),
  },
});
const { app, call, client, database, deps, operator, tokens } = service;
afterAll(async () => {
  expect(await service.audit()).toEqual([]);
  await service.close();
});

const send = (from: Holder, to: Holder, amount: unknown, more: object = {}, key?: string) =>
  call('POST', '/transactions', {
    body: { sender_id: from.accountId, receiver_id: to.accountId, amount, ...more },
    authorization: from.authorization,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });
const settle = (holder: Holder, id: unknown, action: 'post' | 'void') =>
  call('POST', `/transactions/${id}/${action}`, { authorization: holder.authorization });

const errorCodeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
  );

describe('a transfer', () => {
  test('debits the sender, credits the receiver, and adds an entry to both accounts', async () => {
    const [ada, bela] = [await service.holder('100.00'), await service.holder()];
    const sent = await send(ada, bela, '30.05', { description: 'Seeds' });
    expect(sent.status).toBe(201);
    expect(sent.headers.get('location')).toBe(`/transactions/${sent.body.id}`);
    expect(sent.body).toMatchObject({ amount: '30.05', currency: 'EUR', status: 'posted', kind: 'transfer' });
    expect([await service.balanceOf(ada), await service.balanceOf(bela)]).toEqual(['69.95', '30.05']);
    const { body } = await call('GET', `/accounts/${ada.accountId}/entries`, {
      authorization: ada.authorization,
    });
    expect(body.items).toMatchObject([
      { amount: '-30.05', balance_after: '69.95', counterparty_id: bela.accountId, description: 'Seeds' },
      { amount: '100.00', balance_after: '100.00' },
    ]);
    for (const holder of [ada, bela])
      expect(
        (await call('GET', `/transactions/${sent.body.id}`, { authorization: holder.authorization })).body,
      ).toEqual(sent.body);
  });

  test('without sufficient funds is rejected, and no balance changes', async () => {
    const [ada, bela] = [await service.holder('10.00'), await service.holder()];
    const rejected = await send(ada, bela, '10.01');
    expect([rejected.status, rejected.body.code]).toEqual([409, 'account.insufficient-funds']);
    expect([await service.balanceOf(ada), await service.balanceOf(bela)]).toEqual(['10.00', '0.00']);
  });

  test('is permitted to the owner of the sending account only', async () => {
    const [ada, bela] = [await service.holder('10.00'), await service.holder()];
    const stealing = { ...bela, accountId: ada.accountId };
    const { status, body } = await send(stealing, bela, '1.00');
    // As for an account that does not exist.
    const missing = await send({ ...bela, accountId: Bun.randomUUIDv7() }, bela, '1.00');
    expect([status, body.code]).toEqual([403, 'auth.forbidden']);
    expect([missing.status, missing.body.code, missing.body.detail]).toEqual([403, body.code, body.detail]);
    expect(await service.balanceOf(ada)).toBe('10.00');
  });

  test('is exact in currencies with other numbers of minor digits', async () => {
    for (const [currency, start, amount, left] of [
      ['JPY', '1000', '999', '1'],
      ['KWD', '1.000', '0.001', '0.999'],
    ] as const) {
      const [ada, bela] = [await service.holder(start, currency), await service.holder(undefined, currency)];
      expect((await send(ada, bela, amount)).body).toMatchObject({ amount, currency });
      expect(await service.balanceOf(ada)).toBe(left);
    }
  });

  test.each([
    ['zero', '0', {}],
    ['zero with decimals', '0.00', {}],
    ['a negative amount', '-1', {}],
    ['too many decimals', '1.001', {}],
    ['a JSON number', 1, {}],
    ['an amount above the maximum', '1'.repeat(20), {}],
    ['an amount that is not a number', 'lots', {}],
    ['an unknown currency', '1', { currency: 'ZZZ' }],
    ['a currency in lower case', '1', { currency: 'eur' }],
    ['a currency other than that of the account', '1', { currency: 'USD' }],
    ['an exponent', '1e0', {}],
    ['a sign', '+1', {}],
    ['blanks', ' 1 ', {}],
    ['digits of another script', '١', {}],
    ['fullwidth digits', '１', {}],
    ['hexadecimal digits', '0x1', {}],
    ['a group separator', '1,000', {}],
    ['a multi-line description', '1', { description: 'a\nb' }],
    ['a description with a control character', '1', { description: 'a\u0000' }],
    ['a description that is too long', '1', { description: '🦉'.repeat(301) }],
    ['an invalid account id', '1', { receiver_id: 'x' }],
    ['an expiry as text', '1', { pending: true, expires_in_seconds: '60' }],
    ['an expiry of a fraction', '1', { pending: true, expires_in_seconds: 1.5 }],
    ['an expiry of zero seconds', '1', { pending: true, expires_in_seconds: 0 }],
  ])('with %s is rejected with 422', async (_case, amount, more) => {
    const [ada, bela] = [await service.holder('5.00'), await service.holder()];
    expect((await send(ada, bela, amount, more)).status).toBe(422);
    expect(await service.balanceOf(ada)).toBe('5.00');
  });

  test('to the same account, to another currency or to an unknown account is rejected', async () => {
    const ada = await service.holder('5.00');
    const yen = await service.holder(undefined, 'JPY');
    expect((await send(ada, ada, '1')).body.code).toBe('transaction.same-account');
    expect((await send(ada, yen, '1')).body.code).toBe('transaction.currency-mismatch');
    const unknown = { ...ada, accountId: Bun.randomUUIDv7() };
    expect((await send(ada, unknown, '1')).body.code).toBe('account.not-found');
    const world = await openAccount(deps, WORLD, 'EUR');
    expect((await send(ada, { ...ada, accountId: world.id }, '1')).body).toMatchObject({
      code: 'account.not-found',
      errors: [{ field: 'receiver_id' }],
    });
    expect(await service.balanceOf(ada)).toBe('5.00');
  });

  test('has a description of 300 characters, however they are encoded', async () => {
    const [ada, bela] = [await service.holder('5.00'), await service.holder()];
    for (const description of ['🏳️‍🌈'.repeat(300), '🦉'.repeat(300), 'é'.repeat(300)]) {
      const sent = await send(ada, bela, '1', { description });
      expect([sent.status, sent.body.description]).toEqual([201, description]);
    }
    expect((await send(ada, bela, '1', { description: 'cafe\u0301' })).body.description).toBe('café');
  });

  test('is made once per Idempotency-Key, for concurrent and later repeats', async () => {
    const [ada, bela] = [await service.holder('100.00'), await service.holder()];
    const key = Bun.randomUUIDv7();
    const responses = await Promise.all(Array.from({ length: 50 }, () => send(ada, bela, '7.00', {}, key)));
    const created = responses.filter(({ status }) => status === 201);
    expect(responses.every(({ status }) => status === 201 || status === 409)).toBe(true);
    expect(new Set(created.map(({ body }) => body.id)).size).toBe(1);
    expect((await send(ada, bela, '7.00', {}, key)).headers.get('idempotency-replayed')).toBe('true');
    expect((await send(ada, bela, '8.00', {}, key)).body.code).toBe('idempotency.key-reused');
    expect(await service.balanceOf(bela)).toBe('7.00');
  });
});

describe('a pending transaction', () => {
  const reserve = async (more: object = {}) => {
    const [ada, bela] = [await service.holder('10.00'), await service.holder()];
    const { body } = await send(ada, bela, '6.00', { pending: true, ...more });
    return { ada, bela, id: body.id };
  };

  test('reserves money until it is posted; posting is idempotent', async () => {
    const { ada, bela, id } = await reserve();
    const { body } = await call('GET', `/accounts/${ada.accountId}`, { authorization: ada.authorization });
    expect(body).toMatchObject({ balance: '10.00', available: '4.00' });
    expect((await send(ada, bela, '4.01')).status).toBe(409);
    expect((await settle(bela, id, 'post')).status).toBe(403);
    const posted = await Promise.all(Array.from({ length: 5 }, () => settle(ada, id, 'post')));
    expect(posted.map(({ body: { status } }) => status)).toEqual(Array(5).fill('posted'));
    expect([await service.balanceOf(ada), await service.balanceOf(bela)]).toEqual(['4.00', '6.00']);
    expect((await settle(ada, id, 'void')).body.code).toBe('transaction.not-pending');
  });

  test('can be voided by either party', async () => {
    for (const party of ['ada', 'bela'] as const) {
      const reserved = await reserve();
      expect((await settle(reserved[party], reserved.id, 'void')).body.status).toBe('voided');
      const { body } = await call('GET', `/accounts/${reserved.ada.accountId}`, {
        authorization: reserved.ada.authorization,
      });
      expect(body).toMatchObject({ balance: '10.00', available: '10.00' });
      expect((await settle(reserved.ada, reserved.id, 'post')).status).toBe(409);
    }
  });

  test('cannot be posted to an account that was closed meanwhile, and can be voided', async () => {
    const { ada, bela, id } = await reserve();
    await closeAccountsOf(deps, bela.id);
    expect((await settle(ada, id, 'post')).body.code).toBe('account.closed');
    expect((await settle(ada, id, 'void')).body.status).toBe('voided');
    expect(await service.balanceOf(ada)).toBe('10.00');
  });

  test('expires, and cannot be posted after its expiry', async () => {
    const { ada, id } = await reserve();
    await database.execute(
      sql`update transfers set expires_at = utc_timestamp(3) where id = ${Buffer.from(String(id).replaceAll('-', ''), 'hex')}`,
    );
    expect((await settle(ada, id, 'post')).body.code).toBe('transaction.not-pending');
    expireTransactions(deps);
    await eventually(async () => {
      const { body } = await call('GET', `/transactions/${id}`, { authorization: ada.authorization });
      return body.status === 'expired';
    });
    const { body } = await call('GET', `/accounts/${ada.accountId}`, { authorization: ada.authorization });
    expect(body.available).toBe('10.00');
  });
});

describe('an account', () => {
  test('exists once per user and currency; opening it is idempotent', async () => {
    const id = Bun.randomUUIDv7();
    const authorization = await tokens.authorization({ id, username: 'ada' });
    const open = (currency: string) => call('POST', '/accounts', { body: { currency }, authorization });
    const opened = await Promise.all(Array.from({ length: 10 }, () => open('CHF')));
    expect(new Set(opened.map(({ body }) => body.id)).size).toBe(1);
    expect(opened[0]?.status).toBe(201);
    const found = await call('GET', `/accounts/user/${id}?currency=CHF`, { authorization });
    expect(found.body).toEqual(opened[0]?.body ?? {});
    expect((await open('XXX')).status).toBe(422);
  });

  test('exists for its owner and operators only: to others it is like one that does not exist', async () => {
    const [ada, bela] = [await service.holder('1.00'), await service.holder()];
    users.set(ada.id, { id: ada.id, username: 'ada', display_name: 'Ada', version: 1 });
    const readBy = (authorization: string, path = '') =>
      call('GET', `/accounts/${ada.accountId}${path}`, { authorization });
    expect((await readBy(operator)).body.balance).toBe('1.00');
    const { body } = await readBy(operator, '/entries');
    const [entry] = body.items as { transaction_id: string }[];
    const transaction = `/transactions/${entry?.transaction_id}`;
    const paths = (accountId: string, userId: string) => [
      `/accounts/${accountId}`,
      `/accounts/${accountId}/entries`,
      `/accounts/user/${userId}`,
    ];
    const unknown = paths(Bun.randomUUIDv7(), Bun.randomUUIDv7());
    for (const [index, path] of paths(ada.accountId, ada.id).entries()) {
      const [foreign, missing] = await Promise.all(
        [path, unknown[index] ?? ''].map((one) => call('GET', one, { authorization: bela.authorization })),
      );
      const told = ({ instance, request_id, ...rest }: Record<string, unknown>) => rest;
      expect([path, foreign?.status]).toEqual([path, 404]);
      expect(told(foreign?.body ?? {})).toEqual(told(missing?.body ?? {}));
      expect((await call('GET', path, { authorization: ada.authorization })).status).toBe(200);
    }
    for (const [method, path] of [
      ['GET', transaction],
      ['POST', `${transaction}/post`],
      ['POST', `${transaction}/void`],
    ] as const)
      expect([path, (await call(method, path, { authorization: bela.authorization })).status]).toEqual([
        path,
        404,
      ]);
    const profile = await call('GET', `/users/${ada.id}`, { authorization: bela.authorization });
    expect(profile.body).toMatchObject({ id: ada.id, account: null });
  });

  test('of another is paid to by a lookup that shows the name of its holder, and nothing else', async () => {
    const [ada, bela] = [await service.holder('7.00'), await service.holder('3.00')];
    users.set(ada.id, { id: ada.id, username: 'ada', display_name: 'Ada Lovelace', version: 1 });
    const find = (query: string) =>
      call('GET', `/accounts/payee?${query}`, { authorization: bela.authorization });
    const payee = { account_id: ada.accountId, holder: 'Ada Lovelace', currency: 'EUR', accepts: true };
    for (const query of [
      `account_id=${ada.accountId}`,
      `user_id=${ada.id}`,
      `user_id=${ada.id}&currency=EUR`,
    ])
      expect((await find(query)).body).toEqual(payee);
    expect((await send(bela, { ...ada, accountId: payee.account_id }, '3.00')).status).toBe(201);
    const world = await openAccount(deps, WORLD, 'EUR');
    const erased = await service.holder();
    await closeAccountsOf(deps, erased.id);
    for (const query of [
      `account_id=${Bun.randomUUIDv7()}`,
      `account_id=${world.id}`,
      `account_id=${erased.accountId}`,
      `user_id=${Bun.randomUUIDv7()}`,
      `user_id=${WORLD}`,
      `user_id=${ada.id}&currency=JPY`,
    ])
      expect([query, (await find(query)).body.code]).toEqual([query, 'account.not-found']);
    for (const query of ['', `account_id=${ada.accountId}&user_id=${ada.id}`, 'account_id=x'])
      expect([query, (await find(query)).status]).toEqual([query, 422]);
  });

  test('lists its entries page by page, newest first, without gaps', async () => {
    const ada = await service.holder();
    for (let number = 1; number <= 5; number++)
      await call('POST', `/accounts/${ada.accountId}/deposits`, {
        body: { amount: String(number) },
        authorization: operator,
      });
    const amounts: unknown[] = [];
    let cursor: unknown;
    do {
      const next = cursor === undefined ? '' : `&cursor=${cursor}`;
      const { body } = await call('GET', `/accounts/${ada.accountId}/entries?limit=2${next}`, {
        authorization: ada.authorization,
      });
      amounts.push(...(body.items as { amount: string }[]).map(({ amount }) => amount));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(amounts).toEqual(['5.00', '4.00', '3.00', '2.00', '1.00']);
    for (const foreign of ['x', '01', '1e3', '-1', '0x10', '1 or 1=1', '9'.repeat(30)]) {
      const { status } = await call(
        'GET',
        `/accounts/${ada.accountId}/entries?cursor=${bindCursor(`/accounts/${ada.accountId}/entries`, encodeCursor([foreign]))}`,
        {
          authorization: ada.authorization,
        },
      );
      expect([foreign, status]).toEqual([foreign, InvalidCursor.status]);
    }
  });

  test('of an erased user is closed and anonymized; its entries remain, and it cannot be opened again', async () => {
    const [ada, bela] = [await service.holder('3.00'), await service.holder()];
    await send(ada, bela, '1.00', { description: 'from Ada' });
    await closeAccountsOf(deps, ada.id);
    await closeAccountsOf(deps, ada.id);
    const { body } = await call('GET', `/accounts/${ada.accountId}`, { authorization: operator });
    expect(body).toMatchObject({ user_id: null, status: 'closed', balance: '2.00' });
    expect((await send(bela, ada, '1.00')).body.code).toBe('account.closed');
    expect(await errorCodeOf(openAccount(deps, ada.id, 'EUR'))).toBe('account.closed');
  });
});

describe('the gRPC API', () => {
  test('makes a transfer once per external id, and returns it', async () => {
    const ada = await service.holder();
    const external_id = Bun.randomUUIDv7();
    const request = {
      external_id,
      receiver_id: ada.accountId,
      amount: '5',
      currency: 'EUR',
      description: '',
    };
    const responses = await Promise.all(Array.from({ length: 20 }, () => client.transfer(request)));
    expect(new Set(responses.map(({ transfer }) => transfer?.id)).size).toBe(1);
    expect((await client.getTransfer({ external_id })).transfer).toEqual(responses[0]?.transfer);
    expect(await service.balanceOf(ada)).toBe('5.00');
    expect(await errorCodeOf(client.transfer({ ...request, amount: '6' }))).toBe(
      'transaction.external-id-reused',
    );
    expect(await errorCodeOf(client.getTransfer({ external_id: Bun.randomUUIDv7() }))).toBe(
      'transaction.not-found',
    );
  });

  test('reverses a transfer once, and only while the receiver has the funds', async () => {
    const [ada, bela] = [await service.holder(), await service.holder()];
    const external_id = Bun.randomUUIDv7();
    const request = {
      external_id,
      receiver_id: ada.accountId,
      amount: '5',
      currency: 'EUR',
      description: '',
    };
    await client.transfer(request);
    await send(ada, bela, '1.00');
    const reverse = (id: string) =>
      client.reverseTransfer({ external_id: id, reversed_external_id: external_id });
    const reversal = Bun.randomUUIDv7();
    expect(await errorCodeOf(reverse(reversal))).toBe('account.insufficient-funds');
    await send(bela, ada, '1.00');
    const [first, second] = await Promise.all([reverse(reversal), reverse(reversal)]);
    expect(first).toEqual(second);
    expect(await errorCodeOf(reverse(Bun.randomUUIDv7()))).toBe('transaction.not-reversible');
    expect(await service.balanceOf(ada)).toBe('0.00');
  });

  test('reverses a transfer in parts, each once, and together never more than it moved', async () => {
    const ada = await service.holder();
    const external_id = Bun.randomUUIDv7();
    const request = {
      external_id,
      receiver_id: ada.accountId,
      amount: '5',
      currency: 'EUR',
      description: '',
    };
    await client.transfer(request);
    // From another source, so that funds are not what limits the reversals.
    await client.transfer({ ...request, external_id: Bun.randomUUIDv7(), amount: '100' });
    const reverse = (amount: string | undefined, id = Bun.randomUUIDv7()) =>
      client.reverseTransfer({ external_id: id, reversed_external_id: external_id, amount });
    const part = Bun.randomUUIDv7();
    const parts = await Promise.all(Array.from({ length: 5 }, () => reverse('1.50', part)));
    expect(new Set(parts.map(({ transfer }) => transfer?.id)).size).toBe(1);
    expect(await errorCodeOf(reverse('1.51', part))).toBe('transaction.external-id-reused');
    expect(await errorCodeOf(reverse(undefined))).toBe('transaction.not-reversible');
    expect(await errorCodeOf(reverse('3.51'))).toBe('transaction.not-reversible');
    expect(await errorCodeOf(reverse('0'))).toBe('request.invalid');
    const codes = await Promise.all(Array.from({ length: 8 }, () => errorCodeOf(reverse('1.00'))));
    expect(codes.toSorted()).toEqual([
      ...Array(3).fill('none'),
      ...Array(5).fill('transaction.not-reversible'),
    ]);
    expect((await reverse('0.50')).transfer?.amount).toBe('0.50');
    expect(await errorCodeOf(reverse('0.01'))).toBe('transaction.not-reversible');
    expect(await service.balanceOf(ada)).toBe('100.00');
  });
});

describe('registration with a phone number', () => {
  const register = (phone_number: string) =>
    call('POST', '/users', {
      body: { phone_number, password: 'a long password', date_of_birth: '1990-12-31' },
    });

  test('opens an account; a number registers once in any format, and is never disclosed', async () => {
    const { status, body } = await register('+49 30 123456');
    expect(status).toBe(201);
    expect(body.account).toMatchObject({ balance: '0.00', currency: 'EUR', user_id: body.id });
    expect(JSON.stringify(body)).not.toContain('123456');
    expect((await register('0049 (30) 12-34 56')).body.code).toBe('account.phone-number-taken');
    const authorization = await tokens.authorization({ id: String(body.id), username: 'ada' });
    expect((await call('GET', '/users/me', { authorization })).body).toEqual(body);
    const stranger = (await service.holder()).authorization;
    const foreign = await call('GET', `/users/${body.id}`, { authorization: stranger });
    expect(foreign.body.account).toBeNull();
  });

  test('derives a username that the users service accepts', () => {
    expect(usernameOf('secret', '+49 30 123456')).toMatch(/^[A-Za-z0-9_]{3,30}$/);
    expect(usernameOf('secret', '1')).not.toBe(usernameOf('other secret', '1'));
  });

  test.each([
    ['text for a number', { phone_number: 'call me' }],
    ['hyphens for a number', { phone_number: '-----' }],
    ['a number without its country', { phone_number: '030 123456' }],
    ['a number of no country', { phone_number: '+999 123456789' }],
    ['a number that is too short', { phone_number: '+49 1' }],
    ['a number twice', { phone_number: '+49 30 123456 +49 30 123456' }],
    ['a short password', { password: 'short' }],
    ['a short password of long characters', { password: '😀😁😂🤣' }],
    ['an invalid month', { date_of_birth: '1990-13-01' }],
    ['a day that does not exist', { date_of_birth: '1990-02-30' }],
    ['a leap day of no leap year', { date_of_birth: '2021-02-29' }],
    ['a birth in the future', { date_of_birth: '2999-01-01' }],
    ['a birth long ago', { date_of_birth: '1899-12-31' }],
    ['a date in digits of another script', { date_of_birth: '١٩٩٠-١٢-٣١' }],
  ])('with %s is rejected, and names the field', async (_case, changed) => {
    const body = {
      phone_number: '+44 20 7946 0958',
      password: 'a long password',
      date_of_birth: '1990-12-31',
      ...changed,
    };
    const rejected = await call('POST', '/users', { body });
    expect(rejected.status).toBe(422);
    expect(rejected.body.errors).toMatchObject([{ field: Object.keys(changed)[0] }]);
  });
});

test('the JSON Web Key Set is that of auth', async () => {
  const { status, body } = await call('GET', '/.well-known/jwks.json');
  expect([status, body]).toEqual([200, { keys: [{ kty: 'OKP', kid: 'test' }] }]);
});

test('a route without a valid token returns 401, a deposit without the permission 403', async () => {
  for (const { method, path, auth } of routeClaims(app)) {
    if (auth === 'public') continue;
    const target = path.replace(/:\w+/, Bun.randomUUIDv7());
    expect([path, (await call(method, target)).status]).toEqual([path, 401]);
  }
  const ada = await service.holder();
  const { status } = await call('POST', `/accounts/${ada.accountId}/deposits`, {
    body: { amount: '1' },
    authorization: ada.authorization,
  });
  expect(status).toBe(403);
});

test('an export has all accounts of a person with all their entries', async () => {
  const [ada, bela] = [await service.holder('1000.00'), await service.holder()];
  await openAccount(deps, ada.id, 'USD');
  await Promise.all(Array.from({ length: 100 }, () => send(ada, bela, '1.00')));
  const records = recordsIn(await exportAll(accountsPortability(deps), ada.id));
  expect(records.accounts?.map(({ currency, balance }) => [currency, balance])).toEqual([
    ['EUR', '900.00'],
    ['USD', '0.00'],
  ]);
  expect(new Set(records.entries?.map(({ id }) => id)).size).toBe(101);
  expect(records.entries?.at(-1)).toMatchObject({ account_id: ada.accountId, amount: '1000.00' });
  expect(recordsIn(await exportAll(accountsPortability(deps), Bun.randomUUIDv7()))).toEqual({
    accounts: [],
    entries: [],
  });
});
