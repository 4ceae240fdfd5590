import { beforeAll, expect, test } from 'bun:test';
import { createMysqlPool } from '#kit/mysql/database';
import { request, whileBusy } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
const TEST_MS = 300_000;
const PASSWORD = 'a password of this test';
/** Each hashes and verifies a password, which is slow. */
const SIGN_INS = Number(process.env.SIGN_INS ?? 100);
const CONCURRENCY = 8;
/** The outage of RabbitMQ during registrations. */
const OUTAGE_MS = Number(process.env.OUTAGE_MS ?? 5_000);

let system: System;
let created = 0;

beforeAll(async () => {
  system = await sharedSystem();
}, START_MS);

const register = (username: string) =>
  request(system.url, 'POST', '/register', {
    body: { username, email: `${username}@example.com`, password: PASSWORD },
  });

const login = (path: string, username: string, signal?: AbortSignal) =>
  fetch(`${system.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD }),
    ...(signal && { signal }),
  });

const signIn = async (username: string) => (await login('/auth/login', username)).status;

/** On a slow machine several at once may be more than it can do in time: then they are told to come back. */
const signInWhenPossible = async (username: string) =>
  (
    await whileBusy(() =>
      request(system.url, 'POST', '/auth/login', { body: { username, password: PASSWORD } }),
    )
  ).status;

test(
  'a registered person can sign in at once',
  async () => {
    const statuses: string[] = [];
    let started = 0;
    const clients = Array.from({ length: CONCURRENCY }, async () => {
      while (started++ < SIGN_INS) {
        const username = `prompt_${++created}`;
        const { status } = await whileBusy(() => register(username));
        // Taken by an earlier attempt, whose response was late.
        statuses.push(`${status === 409 ? 201 : status} ${await signInWhenPossible(username)}`);
      }
    });
    await Promise.all(clients);
    expect(statuses).toEqual(Array(SIGN_INS).fill('201 200'));
  },
  TEST_MS,
);

test(
  'of many sign-ins at once each is answered with tokens or with when to come back, and those whose clients hang up are not checked',
  async () => {
    const username = `stormed_${++created}`;
    expect((await whileBusy(() => register(username))).status).toBe(201);
    const abandonedBefore = await abandonedSignIns();
    const answers: Response[] = [];
    await eventually(async () => {
      const client = new AbortController();
      const staying = Array.from({ length: 20 }, () => login('/auth/login', username));
      const leaving = Array.from({ length: 40 }, (_, number) =>
        login(number % 2 === 0 ? '/auth/login' : '/login', username, client.signal).catch(() => undefined),
      );
      // The first of those who stay has its answer while most of the others wait.
      await Promise.race(staying);
      client.abort();
      answers.push(...(await Promise.all(staying)));
      await Promise.all(leaving);
      return (await abandonedSignIns()) > abandonedBefore;
    }, 60_000);
    for (const { status, headers } of answers)
      if (status !== 200) expect([status, Number(headers.get('retry-after')) > 0]).toEqual([503, true]);
    expect(await signInWhenPossible(username)).toBe(200);
  },
  TEST_MS,
);

/** Attempts that auth has dropped because their clients had gone. */
async function abandonedSignIns(): Promise<number> {
  const metrics = await (await fetch(`${system.instances('auth')[0]?.url}/metrics`)).text();
  const dropped = /^work_queue_dropped_total\{queue="sign-in attempts",reason="abandoned"\} (\d+)$/m;
  return Number(dropped.exec(metrics)?.[1] ?? 0);
}

test(
  'registration succeeds while auth is unavailable, and sign-in works afterwards',
  async () => {
    const people = Array.from({ length: 10 }, () => `patient_${++created}`);
    await system.instances('auth')[0]?.kill();
    for (const username of people) expect((await register(username)).status).toBe(201);
    await system.killAndStart('auth');
    for (const username of people) await eventually(async () => expect(await signIn(username)).toBe(200));
  },
  TEST_MS,
);

test(
  'people who register while RabbitMQ and auth are killed reach auth exactly once',
  async () => {
    const registered: string[] = [];
    let isOutage = true;
    await system.stack.server('rabbitmq').kill('SIGKILL');
    await system.instances('auth')[0]?.kill();
    const clients = Array.from({ length: 4 }, async () => {
      while (isOutage) {
        const username = `outlasting_${++created}`;
        if ((await register(username)).status === 201) registered.push(username);
      }
    });
    const outageEndsMs = performance.now() + OUTAGE_MS;
    await eventually(() => performance.now() > outageEndsMs && registered.length > 10, OUTAGE_MS + 60_000);
    isOutage = false;
    await Promise.all(clients);
    await Promise.all([system.stack.server('rabbitmq').restart(), system.killAndStart('auth')]);
    await eventually(
      async () => expect(await countCredentials()).toEqual(registered.map((name) => `${name} 1`).sort()),
      90_000,
    );
    await eventually(async () => expect(await countUnsent()).toBe(0));
    for (const username of registered.slice(0, 10))
      await eventually(async () => expect(await signIn(username)).toBe(200));
  },
  TEST_MS,
);

/** The people of the last test with a password in auth, each with the number of rows. */
const countCredentials = () =>
  query(
    'rookery_auth',
    `select concat(username, ' ', count(*)) as line from credentials
     where username like 'outlasting%' and password_hash is not null and version > 0 group by username`,
    ({ line }) => String(line),
  ).then((lines) => lines.sort());

const countUnsent = async () =>
  (
    await query('microblog_users', 'select count(*) as unsent from outbox where sent_at is null', (row) =>
      Number(row.unsent),
    )
  )[0];

async function query<Result>(
  database: string,
  statement: string,
  read: (row: Record<string, unknown>) => Result,
): Promise<Result[]> {
  const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD } = system.stack.environment;
  const address = { host: String(DB_HOST), port: Number(DB_PORT), user: String(DB_USER) };
  const pool = createMysqlPool({ ...address, password: DB_PASSWORD ?? '', database }, 1);
  try {
    const [rows] = await pool.query(statement);
    return Array.isArray(rows) ? rows.map((row) => read({ ...row })) : [];
  } finally {
    await pool.end();
  }
}
