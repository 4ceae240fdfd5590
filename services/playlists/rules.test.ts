import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { insertAt, moveTo, type Placed, rearrange, spreadEvenly } from './rules';

/** What the table holds after rows were written. */
function write(order: readonly Placed[], rows: readonly Placed[]): Placed[] {
  const table = new Map([...order, ...rows].map((placed) => [placed.videoId, placed]));
  return [...table.values()].sort((left, right) => (left.position < right.position ? -1 : 1));
}

const idsOf = (order: readonly Placed[]) => order.map(({ videoId }) => videoId);
const letters = (count: number) => Array.from({ length: count }, (_, index) => `video-${index}`);

describe('an order of videos', () => {
  test('is what a plain list would be, whatever is inserted and moved, and all positions differ', () => {
    const step = fc.oneof(
      fc.record({ insert: fc.integer({ min: 1, max: 5 }), at: fc.nat(40) }),
      fc.record({ move: fc.nat(), at: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let order: Placed[] = [];
        let list: string[] = [];
        for (const [number, change] of steps.entries()) {
          if ('insert' in change) {
            const added = Array.from({ length: change.insert }, (_, index) => `${number}-${index}`);
            order = write(order, insertAt(order, added, change.at));
            list = list.toSpliced(change.at, 0, ...added);
          } else if (list.length > 0) {
            const moved = list[change.move % list.length] ?? '';
            order = write(order, moveTo(order, moved, change.at));
            const others = list.filter((id) => id !== moved);
            list = others.toSpliced(change.at, 0, moved);
          }
          expect(idsOf(order)).toEqual(list);
        }
        expect(new Set(order.map(({ position }) => position)).size).toBe(order.length);
      }),
    );
  });

  test('is brought into any other by writing as few rows as have to move', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(letters(30), { minLength: 30 }), (wanted) => {
        const order = spreadEvenly(letters(30));
        const rows = rearrange(order, wanted);
        expect(idsOf(write(order, rows))).toEqual(wanted);
        expect(rows.length).toBeLessThan(30);
      }),
    );
  });
});

test('a move writes one row, and none where nothing moves', () => {
  const order = spreadEvenly(letters(1_000));
  expect(moveTo(order, 'video-900', 3)).toHaveLength(1);
  expect(moveTo(order, 'video-3', 3)).toEqual([]);
  expect(moveTo(order, 'video-999', 5_000)).toEqual([]);
  const moved = letters(1_000)
    .filter((id) => id !== 'video-900')
    .toSpliced(3, 0, 'video-900');
  expect(rearrange(order, moved)).toHaveLength(1);
  expect(rearrange(order, letters(1_000))).toEqual([]);
});

test('positions never outgrow their column, however often the same gap is used', () => {
  let order = spreadEvenly(letters(4));
  let rewritten = 0;
  for (let turn = 0; turn < 3_000; turn++) {
    const rows = moveTo(order, `video-${turn % 2 === 0 ? 3 : 2}`, 1);
    if (rows.length > 1) rewritten++;
    order = write(order, rows);
    for (const { position } of order) expect(position.length).toBeLessThanOrEqual(100);
  }
  expect(rewritten).toBeGreaterThan(0);
});
