import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { eventually } from '../../../tests/support/eventually';
import type { Connection } from '../connections/connection';
import type { SequencedFrame } from './frames';
import { createRoomChannel, PAGE_FRAMES } from './room-channel';

const frame = (seq: number): SequencedFrame => ({ seq, text: String(seq) });
const room = {
  id: 1,
  name: 'lobby',
  epoch: 'one',
  isPrivate: false,
  ownerId: null,
  lastSeq: 0,
  revision: 0,
  createdAt: new Date(0),
};

/** A connection that records the numbers it is sent, as `createConnection` sends them. */
function recorder(position: number): Connection & { readonly received: number[] } {
  const received: number[] = [];
  let sent = position;
  return {
    received,
    user: undefined,
    isOpen: true,
    get position() {
      return sent;
    },
    send: () => undefined,
    sendSequence(frames) {
      for (const { seq } of frames) {
        if (seq <= sent) continue;
        received.push(seq);
        sent = seq;
      }
    },
    drained: async () => undefined,
    close: () => undefined,
    tick: () => undefined,
  };
}

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

test('whatever is lost, duplicated or reordered, every connection gets every number once and in order', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }).chain((last) =>
        fc.record({
          last: fc.constant(last),
          arriving: fc.array(fc.integer({ min: 1, max: last }), { maxLength: 120 }),
          joining: fc.array(fc.record({ after: fc.nat(last), at: fc.nat(119) }), { maxLength: 5 }),
          failures: fc.nat(2),
        }),
      ),
      async ({ last, arriving, joining, failures }) => {
        let failing = failures;
        const channel = createRoomChannel(
          room,
          async (_room, after, until) => {
            await Promise.resolve();
            if (failing-- > 0) throw new Error('the database is unavailable');
            return upTo(Math.min(until, after + PAGE_FRAMES), after).map(frame);
          },
          pino({ level: 'silent' }),
        );
        const first = recorder(0);
        await channel.join(first);
        const late: { after: number; connection: ReturnType<typeof recorder> }[] = [];
        const joins: Promise<void>[] = [];
        arriving.forEach((seq, index) => {
          channel.accept([frame(seq)]);
          for (const { after, at } of joining) {
            if (at !== index || after > channel.delivered) continue;
            const one = recorder(after);
            late.push({ after, connection: one });
            joins.push(channel.join(one));
          }
        });
        // Polling the database closes every gap.
        await eventually(() => {
          channel.observe({ lastSeq: last, revision: 0 });
          expect(channel.delivered).toBe(last);
        });
        await Promise.all(joins);
        expect(first.received).toEqual(upTo(last));
        for (const { after, connection: one } of late) {
          // A connection that cannot be served is closed; what it received until then is correct.
          expect(one.received).toEqual(upTo(one.position, after));
          if (failures === 0) expect(one.position).toBe(last);
        }
      },
    ),
    {
      numRuns: 40,
      // The last gap closes while a late connection is still catching up.
      examples: [[{ last: 5, arriving: [1, 5, 3, 2, 4], joining: [{ after: 0, at: 0 }], failures: 0 }]],
    },
  ));

test('a connection far behind is sent everything, page by page', async () => {
  const channel = createRoomChannel(
    { ...room, lastSeq: 1_000 },
    async (_room, after, until) => upTo(Math.min(until, after + PAGE_FRAMES), after).map(frame),
    pino({ level: 'silent' }),
  );
  const one = recorder(3);
  const joining = channel.join(one);
  channel.accept([frame(1_001)]);
  await joining;
  channel.accept([frame(1_002)]);
  expect(one.received).toEqual(upTo(1_002, 3));
});

test('what is buffered is not replayed once stored messages have changed, also by a change without a number', async () => {
  const reads: { after: number; revision: number }[] = [];
  const channel = createRoomChannel(
    room,
    async ({ revision }, after, until) => {
      reads.push({ after, revision });
      return upTo(until, after).map(frame);
    },
    pino({ level: 'silent' }),
  );
  const joined = recorder(0);
  await channel.join(joined);
  channel.accept([frame(1)]);
  // Buffered since a connection was there: nothing is read.
  const before = recorder(0);
  await channel.join(before);
  expect([before.received, reads]).toEqual([[1], []]);
  // Deleted messages lose their sender with the account.
  channel.observe({ lastSeq: 1, revision: 1 });
  const after = recorder(0);
  await channel.join(after);
  expect([after.received, reads]).toEqual([[1], [{ after: 0, revision: 1 }]]);
});
