import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { evenPositions, insertAt, moveTo, reorderTo, type VideoPosition } from './rules';

/** The table's rows in order, after the given rows were written. */
function write(order: readonly VideoPosition[], rows: readonly VideoPosition[]): VideoPosition[] {
  const table = new Map([...order, ...rows].map((row) => [row.videoId, row]));
  return [...table.values()].sort((left, right) => (left.position < right.position ? -1 : 1));
}

const idsOf = (order: readonly VideoPosition[]) => order.map(({ videoId }) => videoId);
const videoIds = (count: number) => Array.from({ length: count }, (_, index) => `video-${index}`);

describe('the order of videos', () => {
  test('equals that of a plain list after any inserts and moves, with unique positions', () => {
    const step = fc.oneof(
      fc.record({ insert: fc.integer({ min: 1, max: 5 }), at: fc.nat(40) }),
      fc.record({ move: fc.nat(), at: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let order: VideoPosition[] = [];
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

  test('is changed to any other by writing only the rows that have to move', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(videoIds(30), { minLength: 30 }), (wanted) => {
        const order = evenPositions(videoIds(30));
        const rows = reorderTo(order, wanted);
        expect(idsOf(write(order, rows))).toEqual(wanted);
        expect(rows.length).toBeLessThan(30);
      }),
    );
  });
});

test('a move writes one row, or none when the index is unchanged', () => {
  const order = evenPositions(videoIds(1_000));
  expect(moveTo(order, 'video-900', 3)).toHaveLength(1);
  expect(moveTo(order, 'video-3', 3)).toEqual([]);
  expect(moveTo(order, 'video-999', 5_000)).toEqual([]);
  const moved = videoIds(1_000)
    .filter((id) => id !== 'video-900')
    .toSpliced(3, 0, 'video-900');
  expect(reorderTo(order, moved)).toHaveLength(1);
  expect(reorderTo(order, videoIds(1_000))).toEqual([]);
});

test('positions are rebalanced before they outgrow their column, however often the same gap is used', () => {
  let order = evenPositions(videoIds(4));
  let rebalanced = 0;
  for (let turn = 0; turn < 3_000; turn++) {
    const rows = moveTo(order, `video-${turn % 2 === 0 ? 3 : 2}`, 1);
    if (rows.length > 1) rebalanced++;
    order = write(order, rows);
    for (const { position } of order) expect(position.length).toBeLessThanOrEqual(100);
  }
  expect(rebalanced).toBeGreaterThan(0);
});
