import { expect, test } from 'bun:test';
import { createRecentFrames } from './recent-frames';

const frame = (seq: number, type: string) => ({ seq, text: JSON.stringify({ type, seq }) });

test('what came after a number is there, as far as it is kept', () => {
  const recent = createRecentFrames();
  expect(recent.after(0, 10)).toBeUndefined();
  for (const seq of [5, 6, 7]) recent.add(frame(seq, 'message'));
  expect(recent.after(3, 10)).toBeUndefined();
  expect(recent.after(4, 2)?.map(({ seq }) => seq)).toEqual([5, 6]);
  expect(recent.after(7, 10)).toEqual([]);
});

test('a message that was deleted is not kept for those who come back', () => {
  const recent = createRecentFrames();
  recent.add(frame(1, 'message'));
  recent.add(frame(2, 'deleted'));
  recent.add(frame(3, 'message'));
  expect(recent.after(0, 10)).toBeUndefined();
  expect(recent.after(1, 10)?.map(({ seq }) => seq)).toEqual([2, 3]);
});
