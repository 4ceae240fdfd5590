import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { eventually } from '../../tests/support/eventually';
import type { Connection } from './connection';
import type { SequencedFrame } from './frames';
import { createLiveRoom, PAGE_FRAMES } from './live-room';

const frame = (seq: number): SequencedFrame => ({ seq, text: String(seq) });
const room = {
  id: 1,
  name: 'lobby',
  epoch: 'one',
  isPrivate: false,
  ownerId: null,
  lastSeq: 0,
  createdAt: new Date(0),
};

/** Somebody who notes what they are sent, as `createConnection` sends it. */
function listener(position: number): Connection & { readonly heard: number[] } {
  const heard: number[] = [];
  let at = position;
  return {
    heard,
    user: undefined,
    isOpen: true,
    get position() {
      return at;
    },
    send: () => undefined,
    sendSequence(frames) {
      for (const { seq } of frames) {
        if (seq <= at) continue;
        heard.push(seq);
        at = seq;
      }
    },
    drained: async () => undefined,
    end: () => undefined,
    tick: () => undefined,
  };
}

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

test('whatever is lost, doubled or overtaken on its way, everybody gets every number once and in order', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }).chain((last) =>
        fc.record({
          last: fc.constant(last),
          heard: fc.array(fc.integer({ min: 1, max: last }), { maxLength: 120 }),
          entering: fc.array(fc.record({ after: fc.nat(last), at: fc.nat(119) }), { maxLength: 5 }),
          failures: fc.nat(2),
        }),
      ),
      async ({ last, heard, entering, failures }) => {
        let failing = failures;
        const live = createLiveRoom(
          room,
          async (_room, after, until) => {
            await Promise.resolve();
            if (failing-- > 0) throw new Error('the database is away');
            return upTo(Math.min(until, after + PAGE_FRAMES), after).map(frame);
          },
          pino({ level: 'silent' }),
        );
        const first = listener(0);
        await live.enter(first);
        const late: { after: number; listener: ReturnType<typeof listener> }[] = [];
        heard.forEach((seq, index) => {
          live.accept([frame(seq)]);
          for (const { after, at } of entering) {
            if (at !== index || after > live.delivered) continue;
            const one = listener(after);
            late.push({ after, listener: one });
            void live.enter(one);
          }
        });
        // Looking at the database now and then ends every gap.
        await eventually(() => {
          live.reach(last);
          expect(live.delivered).toBe(last);
        });
        expect(first.heard).toEqual(upTo(last));
        for (const { after, listener: one } of late) {
          // One who could not be served is closed, and comes back; what they got until then is right.
          expect(one.heard).toEqual(upTo(one.position, after));
          if (failures === 0) expect(one.position).toBe(last);
        }
      },
    ),
    { numRuns: 40 },
  ));

test('somebody far behind is sent all, page by page', async () => {
  const live = createLiveRoom(
    { ...room, lastSeq: 1_000 },
    async (_room, after, until) => upTo(Math.min(until, after + PAGE_FRAMES), after).map(frame),
    pino({ level: 'silent' }),
  );
  const one = listener(3);
  const entering = live.enter(one);
  live.accept([frame(1_001)]);
  await entering;
  live.accept([frame(1_002)]);
  expect(one.heard).toEqual(upTo(1_002, 3));
});
