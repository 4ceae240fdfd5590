import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { Problem } from '#kit/errors/problem';
import { formatAmount } from '#kit/money/amounts';
import { startAccounts } from '../../tests/support/accounts';
import { reverseOnce, settle, transferOnce } from './ledger';
import { openAccount } from './service';
import { findAccount, findTransfer, WORLD } from './store';

const ACCOUNTS = 12;
/** The remaining accounts are in JPY. */
const IN_EUR = 10;
const OPENING_BALANCE = 10_000n;
const ROUNDS = 20;
const STEPS = 150;
const CONCURRENCY = 40;

const service = await startAccounts();
const { database } = service;
afterAll(service.close);

const ids: string[] = [];
const currencyOf = (position: number) => (position < IN_EUR ? 'EUR' : 'JPY');
for (let position = 0; position < ACCOUNTS; position++)
  ids.push((await openAccount(service, Bun.randomUUIDv7(), currencyOf(position))).id);

const index = fc.nat(ACCOUNTS - 1);
const step = fc.record({
  action: fc.constantFrom(
    'send',
    'send',
    'send',
    'reserve',
    'post',
    'void',
    'reverse',
    'reverse-part',
    'repeat',
  ),
  from: index,
  to: index,
  // In the range of the balances, so that many are rejected.
  amount: fc.bigInt({ min: 1n, max: OPENING_BALANCE / 2n }),
  target: fc.nat(10_000),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const created: string[] = [];
const counts = { completed: 0, rejected: 0 };
const REJECTIONS = new Set([
  'account.insufficient-funds',
  'transaction.same-account',
  'transaction.currency-mismatch',
  'transaction.not-pending',
  'transaction.not-reversible',
  'transaction.external-id-reused',
]);

test('concurrent transfers, settlements, reversals and repeats neither create nor destroy money', async () => {
  for (const [position, receiverId] of ids.entries()) {
    const currency = currencyOf(position);
    const world = await openAccount(service, WORLD, currency);
    await transferOnce(database, request(world.id, receiverId, OPENING_BALANCE, currency));
  }
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  for (const [round, steps] of fc
    .sample(fc.array(step, { minLength: STEPS, maxLength: STEPS }), { seed, numRuns: ROUNDS })
    .entries()) {
    await inParallel(steps, run);
    if (round % 5 === 4) expect(await service.audit()).toEqual([]);
  }
  expect(await service.audit()).toEqual([]);
  expect(counts.completed + counts.rejected).toBe(ROUNDS * STEPS);
  expect(counts.completed).toBeGreaterThan(ROUNDS * STEPS * 0.2);
  expect(counts.rejected).toBeGreaterThan(ROUNDS * STEPS * 0.1);
  const total = (await Promise.all(ids.slice(0, IN_EUR).map((id) => findAccount(database, id)))).reduce(
    (sum, account) => sum + (account ? account.creditsPosted - account.debitsPosted : 0n),
    0n,
  );
  // Reversed deposits return to the world account; all other money stays among the accounts.
  expect(total).toBe(-(await worldBalance('EUR')));
}, 120_000);

test('the audit detects a manually changed balance', async () => {
  expect(await service.audit()).toEqual([]);
  await database.execute(
    sql`update accounts set credits_posted = credits_posted + 1 where currency = 'EUR' limit 1`,
  );
  const violated = (await service.audit()).map((finding) => finding.invariant);
  expect(violated).toContain('the sum of all balances of a currency is zero, posted and pending');
  expect(violated).toContain('every balance is the sum of its entries');
});

function request(senderId: string, receiverId: string, amount: bigint, currency: string) {
  return {
    externalId: Bun.randomUUIDv7(),
    kind: 'transfer' as const,
    senderId,
    receiverId,
    amount,
    currency,
    description: formatAmount(amount, currency),
  };
}

async function run({ action, from, to, amount, target }: Step): Promise<void> {
  const [senderId = '', receiverId = ''] = [ids[from], ids[to]];
  const existing =
    created.length === 0 ? undefined : await findTransfer(database, created[target % created.length] ?? '');
  const transfer = request(senderId, receiverId, amount, currencyOf(from));
  try {
    if (action === 'send') await record(transferOnce(database, transfer));
    else if (action === 'reserve') await record(transferOnce(database, { ...transfer, pendingSeconds: 60 }));
    else if (existing === undefined) await record(transferOnce(database, transfer));
    else if (action === 'post') await settle(database, existing, 'posted');
    else if (action === 'void') await settle(database, existing, 'voided');
    else if (action === 'reverse') await reverseOnce(database, transfer.externalId, existing);
    else if (action === 'reverse-part') await reverseOnce(database, transfer.externalId, existing, amount);
    else {
      const transfers = await Promise.all([1, 2, 3].map(() => transferOnce(database, transfer)));
      expect(new Set(transfers.map(({ id }) => id)).size).toBe(1);
    }
    counts.completed++;
  } catch (failure) {
    if (!(failure instanceof Problem) || !REJECTIONS.has(failure.code)) throw failure;
    counts.rejected++;
  }
}

async function record(transfer: Promise<{ id: string }>): Promise<void> {
  created.push((await transfer).id);
}

async function worldBalance(currency: string): Promise<bigint> {
  const world = await openAccount(service, WORLD, currency);
  return world.creditsPosted - world.debitsPosted;
}

async function inParallel(steps: readonly Step[], work: (step: Step) => Promise<void>): Promise<void> {
  const queue = steps.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const each of queue) await work(each);
    }),
  );
}
