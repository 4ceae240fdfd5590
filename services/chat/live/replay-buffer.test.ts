import { expect, test } from 'bun:test';
import { createReplayBuffer } from './replay-buffer';

const frame = (seq: number, type: string) => ({ seq, text: JSON.stringify({ type, seq }) });

test('frames after a number are returned while all of them are buffered', () => {
  const buffer = createReplayBuffer();
  expect(buffer.after(0, 10)).toBeUndefined();
  for (const seq of [5, 6, 7]) buffer.add(frame(seq, 'message'));
  expect(buffer.after(3, 10)).toBeUndefined();
  expect(buffer.after(4, 2)?.map(({ seq }) => seq)).toEqual([5, 6]);
  expect(buffer.after(7, 10)).toEqual([]);
});

test.each(['deleted', 'edited'])('a message that was %s is not replayed as it was', (kind) => {
  const buffer = createReplayBuffer();
  buffer.add(frame(1, 'message'));
  buffer.add(frame(2, kind));
  buffer.add(frame(3, 'message'));
  expect(buffer.after(0, 10)).toBeUndefined();
  expect(buffer.after(1, 10)?.map(({ seq }) => seq)).toEqual([2, 3]);
});
