import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { audit } from '../../scripts/audit';
import { type Client, join, type Reply, request } from '../support/client';
import { eventually } from '../support/eventually';
import { type System, startSystem } from '../support/system';

const SYSTEM_MS = 240_000;
const TEST_MS = 240_000;
const RECOVERY_MS = 60_000;
/** `FULL=1`: twice as many. */
const TRANSFERS = process.env.FULL === '1' ? 10_000 : 5_000;
const HOLDERS = 50;
const PAYERS = 5;
const PAYMENTS_EACH = 10;
const CONCURRENCY = 10;
/** Payments are spread over the load. */
const PAUSE_MS = 2_000;
const METHODS = ['pm_ok', 'pm_ok', 'pm_declined', 'pm_timeout', 'pm_flaky'];
/** With a shared secret the test can issue tokens: hashing fifty passwords is slow. */
const TOKENS = { JWT_ALG: 'HS256', JWT_SECRET: 'a token secret of more than 32 characters' };

let system: System;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = randomFrom(seed);
/** Transfers with a final response. */
let completed = 0;

beforeAll(async () => {
  system = await startSystem('money', TOKENS);
  await eventually(async () => {
    for (const path of ['/accounts/users/me', '/payments', '/invoices'])
      expect([path, (await request(system.url, 'GET', path)).status]).toEqual([path, 401]);
  }, RECOVERY_MS);
}, SYSTEM_MS);

afterAll(() => system?.stop(), SYSTEM_MS);

test('a person who registers with a phone number gets an account and a username to sign in with', async () => {
  const password = 'correct horse battery staple';
  const registered = await request(system.url, 'POST', '/accounts/users', {
    body: { phone_number: '+49 30 123456', password, date_of_birth: '1990-12-31' },
  });
  expect(registered.status).toBe(201);
  const { username } = registered.body;
  const signedIn = await eventually(async () => {
    const answer = await request(system.url, 'POST', '/login', { body: { username, password } });
    expect(answer.status).toBe(200);
    return answer;
  });
  const token = String(signedIn.body.access_token);
  const me = await request(system.url, 'GET', '/accounts/users/me', { token });
  expect(me.body).toEqual(registered.body);
  const person = await request(system.url, 'GET', '/users/me', { token });
  expect(person.body).toMatchObject({ id: registered.body.id, phone_number: '+4930123456' });
  const keys = await request(system.url, 'GET', '/accounts/.well-known/jwks.json');
  expect([keys.status, keys.body]).toEqual([
    200,
    (await request(system.url, 'GET', '/.well-known/jwks.json')).body,
  ]);
});

test(
  'a payment credits the account, and creates an invoice that is sent by mail',
  async () => {
    const ada = await join(system.url, 'ada');
    const accepted = await pay(ada, 'pm_ok', 'story');
    expect(accepted.status).toBe(202);
    const paid = await settled(ada, String(accepted.body.id));
    expect(paid).toMatchObject({ status: 'succeeded', amount: '12.50' });
    const account = await ada.get(`/accounts/user/${ada.id}`);
    expect(account.body).toMatchObject({ balance: '12.50', user_id: ada.id });
    const { body } = await ada.get(`/transactions/${paid.transaction_id}`);
    expect(body).toMatchObject({ amount: '12.50', status: 'posted', receiver_id: account.body.id });
    const [invoice] = await eventually(async () => {
      const found = await invoicesOf(ada);
      expect(found).toHaveLength(1);
      return found;
    });
    expect(invoice).toMatchObject({ payment_id: paid.id, amount: '12.50', status: 'paid' });
    const page = await ada.get(`/invoices/${invoice?.id}.html`);
    expect(String(page.body.text)).toContain(`Invoice ${invoice?.number}`);
    await eventually(async () => expect(await mailsAbout(invoice?.number)).toBe(1), RECOVERY_MS);
  },
  TEST_MS,
);

test(
  'money is transferred exactly once and none is lost while workers, services and servers are killed',
  async () => {
    console.log(`seed ${seed}`);
    const payers = await Promise.all(
      Array.from({ length: PAYERS }, (_, number) => join(system.url, `payer_${number}`)),
    );
    const holders = await inParallel(Array.from({ length: HOLDERS }), openHolder);
    const victims = [
      'payments-worker',
      'accounts',
      'mariadb',
      'payments',
      'payments-worker',
      'billing',
      'rabbitmq',
    ];
    let killed = 0;
    const load = Promise.all([
      inParallel(Array.from({ length: TRANSFERS }), (_, number) => transfer(holders, number)),
      inParallel(
        payers.flatMap((payer) => Array.from({ length: PAYMENTS_EACH }, () => payer)),
        async (payer, number) => {
          await Bun.sleep(random(PAUSE_MS));
          const method = METHODS[number % METHODS.length] ?? '';
          const accepted = await untilFinal(() => pay(payer, method, `payment-${number}`));
          return { payer, method, id: String(accepted.body.id) };
        },
      ),
    ]);
    for (const victim of victims) {
      // Spread over the whole load, however fast the machine is.
      const share = (TRANSFERS * (killed + 1)) / (victims.length + 2);
      await eventually(() => expect(completed).toBeGreaterThan(share), RECOVERY_MS);
      await kill(victim);
      killed++;
    }
    const [outcomes, payments] = await load;
    for (const { payer, method, id } of payments) {
      const ended = await settled(payer, id);
      expect([method, ended.status]).toEqual([method, method === 'pm_declined' ? 'failed' : 'succeeded']);
    }
    await eventually(async () => expect(await audit(system.stack.environment)).toEqual([]), RECOVERY_MS);
    expect(new Set(payments.map(({ id }) => id)).size).toBe(PAYERS * PAYMENTS_EACH);
    await everyInvoiceIsMailedOnce(payers, payments);

    const succeeded = outcomes.filter(({ status }) => status === 201);
    expect(new Set(succeeded.map(({ body }) => body.id)).size).toBe(succeeded.length);
    expect(succeeded.length).toBeGreaterThan(TRANSFERS / 4);
    console.log(
      `${succeeded.length} of ${TRANSFERS} transfers succeeded, ${payments.length} payments, ${killed} kills`,
    );
    const balances = await inParallel(holders, async (holder) =>
      Number((await holder.get(holder.path)).body.balance),
    );
    expect(balances.reduce((sum, balance) => sum + Math.round(balance * 100), 0)).toBe(HOLDERS * 100_00);
    expect(balances.every((balance) => balance >= 0)).toBe(true);
  },
  TEST_MS,
);

interface Holder {
  readonly accountId: string;
  readonly path: string;
  get(path: string): Promise<Reply>;
  send(body: unknown, key: string): Promise<Reply>;
}

/** An unregistered person with an account and 100 euros. */
async function openHolder(): Promise<Holder> {
  const id = Bun.randomUUIDv7();
  const token = await tokenOf(id);
  const account = await request(system.url, 'POST', '/accounts', { token, body: { currency: 'EUR' } });
  expect(account.status).toBe(201);
  const path = `/accounts/${account.body.id}`;
  const deposited = await request(system.url, 'POST', `${path}/deposits`, { token, body: { amount: '100' } });
  expect(deposited.status).toBe(201);
  return {
    accountId: String(account.body.id),
    path,
    get: (of) => request(system.url, 'GET', of, { token }),
    send: (body, key) =>
      request(system.url, 'POST', '/transactions', { token, body, headers: { 'idempotency-key': key } }),
  };
}

async function transfer(holders: readonly Holder[], number: number): Promise<Reply> {
  const [from, to] = [holders[random(HOLDERS)], holders[random(HOLDERS)]];
  if (from === undefined || to === undefined) throw new Error('No account to transfer between');
  const cents = 1 + random(60_00);
  const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  const body = { sender_id: from.accountId, receiver_id: to.accountId, amount };
  const answer = await untilFinal(() => from.send(body, `transfer-${number}`));
  completed++;
  if (answer.status !== 201)
    expect(['account.insufficient-funds', 'transaction.same-account']).toContain(String(answer.body.code));
  return answer;
}

const pay = (payer: Client, payment_method: string, key: string) =>
  payer.post(
    '/payments',
    { amount: '12.50', currency: 'EUR', description: `Stickers, ${key}`, payment_method },
    { 'idempotency-key': key },
  );

/** Retries until a final response, with one Idempotency-Key for all attempts. */
async function untilFinal(send: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await send().catch((): Reply => ({ status: 0, headers: new Headers(), body: {} }));
    const isRetryable =
      [0, 500, 502, 503, 504].includes(reply.status) || reply.body.code === 'idempotency.in-flight';
    if (!isRetryable) return reply;
    await Bun.sleep(100);
  }
}

const settled = (payer: Client, id: string) =>
  eventually(async () => {
    const { body } = await payer.get(`/payments/${id}`);
    expect(['succeeded', 'failed']).toContain(String(body.status));
    return body;
  }, RECOVERY_MS);

const invoicesOf = async (payer: Client) =>
  (await payer.get('/invoices?limit=100')).body.items as { id: string; number: string; payment_id: string }[];

async function everyInvoiceIsMailedOnce(
  payers: readonly Client[],
  payments: readonly { method: string; id: string }[],
): Promise<void> {
  const succeeded = payments.filter(({ method }) => method !== 'pm_declined').map(({ id }) => id);
  const invoices = await eventually(async () => {
    const found = (await Promise.all(payers.map(invoicesOf))).flat();
    expect(found.map((invoice) => invoice.payment_id).sort()).toEqual(succeeded.sort());
    return found;
  }, RECOVERY_MS);
  for (const { number } of invoices)
    await eventually(
      async () => expect([number, await mailsAbout(number)]).toEqual([number, 1]),
      RECOVERY_MS,
    );
}

/** The number of mails about an invoice in the mail catcher. */
async function mailsAbout(number: string | undefined): Promise<number> {
  const inbox = `${system.stack.environment.MAIL_INBOX_URL}/email`;
  const mails = (await (await fetch(inbox, { signal: AbortSignal.timeout(10_000) })).json()) as {
    subject: string;
  }[];
  return mails.filter(({ subject }) => subject === `Invoice ${number} is paid`).length;
}

async function kill(victim: string): Promise<void> {
  if (victim !== 'mariadb' && victim !== 'rabbitmq') {
    await system.killAndStart(victim);
    return;
  }
  const server = system.stack.server(victim);
  await server.kill('SIGKILL');
  await server.restart();
}

async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item, number: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [number, item] of queue) results[number] = await work(item, number);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return results;
}

const tokenOf = (id: string): Promise<string> =>
  new SignJWT({
    username: 'holder',
    sid: Bun.randomUUIDv7(),
    roles: ['user'],
    permissions: ['accounts:deposit'],
  })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(id)
    .setJti(Bun.randomUUIDv7())
    .setIssuer('http://127.0.0.1:8080')
    .setAudience('rookery')
    .setIssuedAt()
    .setExpirationTime('30m')
    .sign(new TextEncoder().encode(TOKENS.JWT_SECRET));

/** A deterministic random number generator (mulberry32). */
function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
