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
/** The others are in yen. */
const IN_EURO = 10;
const START = 10_000n;
const ROUNDS = 20;
const STEPS = 150;
const AT_ONCE = 40;

const service = await startAccounts();
const { database } = service;
afterAll(service.close);

const ids: string[] = [];
const currencyOf = (position: number) => (position < IN_EURO ? 'EUR' : 'JPY');
for (let position = 0; position < ACCOUNTS; position++)
  ids.push((await openAccount(service, Bun.randomUUIDv7(), currencyOf(position))).id);

const index = fc.nat(ACCOUNTS - 1);
const step = fc.record({
  action: fc.constantFrom('send', 'send', 'send', 'reserve', 'post', 'void', 'reverse', 'repeat'),
  from: index,
  to: index,
  // Around what accounts hold, so that many are refused.
  amount: fc.bigInt({ min: 1n, max: START / 2n }),
  earlier: fc.nat(10_000),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const made: string[] = [];
const counts = { done: 0, refused: 0 };
const REFUSALS = new Set([
  'account.insufficient-funds',
  'transaction.same-account',
  'transaction.currency-mismatch',
  'transaction.not-pending',
  'transaction.not-reversible',
  'transaction.external-id-reused',
]);

test('whatever is sent, reserved, posted, voided, reversed and repeated at the same time, no money appears or is lost', async () => {
  for (const [position, receiverId] of ids.entries()) {
    const currency = currencyOf(position);
    const world = await openAccount(service, WORLD, currency);
    await transferOnce(database, request(world.id, receiverId, START, currency));
  }
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  for (const [round, steps] of fc
    .sample(fc.array(step, { minLength: STEPS, maxLength: STEPS }), { seed, numRuns: ROUNDS })
    .entries()) {
    await inParallel(steps, take);
    if (round % 5 === 4) expect(await service.audit()).toEqual([]);
  }
  expect(await service.audit()).toEqual([]);
  expect(counts.done + counts.refused).toBe(ROUNDS * STEPS);
  expect(counts.done).toBeGreaterThan(ROUNDS * STEPS * 0.2);
  expect(counts.refused).toBeGreaterThan(ROUNDS * STEPS * 0.1);
  const held = (await Promise.all(ids.slice(0, IN_EURO).map((id) => findAccount(database, id)))).reduce(
    (sum, account) => sum + (account ? account.creditsPosted - account.debitsPosted : 0n),
    0n,
  );
  // Reversed deposits go back to the outside world, everything else stays among the accounts.
  expect(held).toBe(-(await worldBalance('EUR')));
}, 120_000);

test('the audit finds a balance that somebody changed by hand', async () => {
  expect(await service.audit()).toEqual([]);
  await database.execute(
    sql`update accounts set credits_posted = credits_posted + 1 where currency = 'EUR' limit 1`,
  );
  const promises = (await service.audit()).map((finding) => finding.promise);
  expect(promises).toContain('in every currency all balances together are zero, posted and pending');
  expect(promises).toContain('every balance is the sum of its entries');
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

async function take({ action, from, to, amount, earlier }: Step): Promise<void> {
  const [senderId = '', receiverId = ''] = [ids[from], ids[to]];
  const before =
    made.length === 0 ? undefined : await findTransfer(database, made[earlier % made.length] ?? '');
  const asked = request(senderId, receiverId, amount, currencyOf(from));
  try {
    if (action === 'send') await remember(transferOnce(database, asked));
    else if (action === 'reserve') await remember(transferOnce(database, { ...asked, pendingSeconds: 60 }));
    else if (before === undefined) await remember(transferOnce(database, asked));
    else if (action === 'post') await settle(database, before, 'posted');
    else if (action === 'void') await settle(database, before, 'voided');
    else if (action === 'reverse') await reverseOnce(database, asked.externalId, before);
    else {
      const answers = await Promise.all([1, 2, 3].map(() => transferOnce(database, asked)));
      expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
    }
    counts.done++;
  } catch (failure) {
    if (!(failure instanceof Problem) || !REFUSALS.has(failure.code)) throw failure;
    counts.refused++;
  }
}

async function remember(transfer: Promise<{ id: string }>): Promise<void> {
  made.push((await transfer).id);
}

async function worldBalance(currency: string): Promise<bigint> {
  const world = await openAccount(service, WORLD, currency);
  return world.creditsPosted - world.debitsPosted;
}

async function inParallel(steps: readonly Step[], work: (step: Step) => Promise<void>): Promise<void> {
  const queue = steps.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const each of queue) await work(each);
    }),
  );
}
