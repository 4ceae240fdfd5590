import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { and, eq, isNull, lte, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { uuidv7 } from '#kit/core/ids';
import { testDatabase } from '../../tests/support/servers';
import { createTables } from '../../tests/support/tables';
import { type Claim, markFailed, markSent, type OutboxRow, prepareClaim, releaseRows } from './outbox-claim';
import { outbox } from './tables';

const { database, drop } = await testDatabase();
await createTables(database, { outbox });
afterAll(drop);
beforeEach(async () => {
  await database.delete(outbox);
});

const claimNext = prepareClaim(database, 'rabbitmq', 200);
const now = sql`utc_timestamp(3)`;

/** Writes a row for each aggregate, in their order. */
async function write(...aggregates: string[]): Promise<void> {
  await database.insert(outbox).values(
    aggregates.map((aggregateId) => ({
      messageId: uuidv7(),
      aggregateType: 'thing',
      aggregateId,
      aggregateVersion: 1,
      destination: 'rabbitmq' as const,
      name: 'thing.counted',
      payload: '{}',
      erasePayload: true,
      headers: { exchange: 'things', routing_key: 'thing.counted', consumers: [] },
      createdAt: now,
      availableAt: now,
    })),
  );
}

const rowsOf = (claim: Claim | null): OutboxRow[] => claim?.aggregates.flat() ?? [];
const idsOf = (claim: Claim | null) => rowsOf(claim).map(({ id }) => id);
const endClaims = () => database.update(outbox).set({ availableAt: now }).where(isNull(outbox.sentAt));

/** What a relay of the version before locks, and keeps locked while it sends. */
const lockAsBefore = (transaction: Parameters<Parameters<typeof database.transaction>[0]>[0]) =>
  transaction
    .select({ id: outbox.id })
    .from(outbox, { forceIndex: 'outbox_pending' })
    .where(and(isNull(outbox.sentAt), eq(outbox.destination, 'rabbitmq'), lte(outbox.availableAt, now)))
    .orderBy(outbox.id)
    .for('update', { skipLocked: true });

describe('a claim', () => {
  test('is of one relay, and of another once it has ended', async () => {
    await write('a', 'a', 'b');
    const first = await claimNext();
    expect(rowsOf(first)).toHaveLength(3);
    expect(await claimNext()).toBeNull();
    await endClaims();
    const second = await claimNext();
    expect(idsOf(second)).toEqual(idsOf(first));
    // The first was only slow: what it failed to send is no business of its any more, what it sent is sent.
    const [id = 0, ...others] = idsOf(first);
    await markFailed(database, String(first?.id), [{ id, error: 'slow', isRefused: false }]);
    await releaseRows(database, String(first?.id), others);
    expect(await claimNext()).toBeNull();
    await markSent(database, idsOf(first));
    await endClaims();
    expect(await claimNext()).toBeNull();
  });

  test('holds back later rows of its aggregates, without postponing them', async () => {
    await write('a');
    const first = await claimNext();
    await write('a', 'b');
    const second = await claimNext();
    expect(rowsOf(second).map(({ aggregateId }) => aggregateId)).toEqual(['b']);
    await markSent(database, idsOf(first));
    expect(rowsOf(await claimNext()).map(({ aggregateId }) => aggregateId)).toEqual(['a']);
  });

  test('that is given up leaves its rows to the next at once', async () => {
    await write('a', 'a');
    const first = await claimNext();
    await releaseRows(database, String(first?.id), idsOf(first));
    expect(idsOf(await claimNext())).toEqual(idsOf(first));
  });

  test('of many relays at once is of different rows, and of each aggregate from its first unsent row', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 2, max: 6 }),
        async (aggregates, relays) => {
          await database.delete(outbox);
          await write(...aggregates);
          const sent: OutboxRow[] = [];
          // Every relay sends what it has claimed until nothing is left.
          const relay = async () => {
            const claim = await prepareClaim(database, 'rabbitmq', 7)();
            const rows = rowsOf(claim);
            sent.push(...rows);
            await markSent(database, idsOf(claim));
          };
          while (sent.length < aggregates.length) await Promise.all(Array.from({ length: relays }, relay));
          expect(new Set(sent.map(({ id }) => id)).size).toBe(aggregates.length);
          expect(sent).toHaveLength(aggregates.length);
          for (const rows of Map.groupBy(sent, ({ aggregateId }) => aggregateId).values())
            expect(rows.map(({ id }) => id)).toEqual(rows.map(({ id }) => id).toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 25 },
    ));
});

describe('beside a relay of the version before', () => {
  test('a claimed row is not sent by the old one', async () => {
    await write('a', 'b');
    await claimNext();
    await write('c');
    const locked = await database.transaction(lockAsBefore);
    expect(locked).toHaveLength(1);
  });

  test('a row that the old one is sending is not claimed', async () => {
    await write('a', 'b');
    let claiming: Promise<Claim | null> | undefined;
    await database.transaction(
      async (transaction) => {
        const locked = await lockAsBefore(transaction);
        expect(locked).toHaveLength(2);
        claiming = claimNext();
        // Its claim waits for the locks; whether it does yet makes no difference.
        await transaction.update(outbox).set({ sentAt: now, payload: '' });
      },
      { isolationLevel: 'read committed' },
    );
    expect(rowsOf((await claiming) ?? null)).toEqual([]);
  });
});
