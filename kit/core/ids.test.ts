import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createIdGenerator, firstIdAt, isTimeOrderedId, isUuid, timeOfId, uuidv7 } from './ids';

/** From the epoch of ids until 2080, where 53 bits still suffice. */
const clockReading = fc.integer({ min: Date.UTC(2015, 0, 2), max: Date.UTC(2080, 0, 1) });

describe('time-ordered ids', () => {
  test('increase strictly, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(clockReading, { minLength: 1, maxLength: 50 }),
        fc.nat(1_023),
        (readings, worker) => {
          let reading = 0;
          const nextId = createIdGenerator(worker, () => readings[reading] ?? 0);
          let last = 0;
          for (; reading < readings.length; reading++)
            for (let again = 0; again < 3; again++) {
              const id = Number(nextId());
              expect(Number.isSafeInteger(id)).toBe(true);
              expect(id).toBeGreaterThan(last);
              last = id;
            }
        },
      ),
    );
  });

  test('borrow from the next millisecond when one is exhausted', () => {
    const nextId = createIdGenerator(3, () => Date.UTC(2026, 0, 1));
    const ids = Array.from({ length: 1_000 }, nextId);
    expect(new Set(ids).size).toBe(1_000);
    expect([...ids].sort((one, other) => Number(one) - Number(other))).toEqual(ids);
  });

  test('of different workers never collide', () => {
    const now = () => Date.UTC(2026, 0, 1);
    const ids = Array.from({ length: 1_024 }, (_, worker) => createIdGenerator(worker, now)).flatMap(
      (nextId) => Array.from({ length: 20 }, nextId),
    );
    expect(new Set(ids).size).toBe(1_024 * 20);
  });

  test('encode their creation time and bound range scans', () => {
    fc.assert(
      fc.property(clockReading, (ms) => {
        const id = createIdGenerator(1_023, () => ms)();
        expect(timeOfId(id).getTime()).toBe(ms);
        expect(Number(firstIdAt(new Date(ms)))).toBeLessThanOrEqual(Number(id));
        expect(isTimeOrderedId(id)).toBe(true);
      }),
    );
  });

  test('keep the time and the order of ids of before, which had 4 bits of worker and 8 of sequence', () => {
    const epoch = Date.UTC(2015, 0, 1);
    fc.assert(
      fc.property(clockReading, fc.nat(15), fc.nat(255), fc.nat(1_023), (ms, old, sequence, worker) => {
        const before = String((ms - epoch) * 4_096 + old * 256 + sequence);
        expect(timeOfId(before).getTime()).toBe(ms);
        expect(isTimeOrderedId(before)).toBe(true);
        expect(Number(firstIdAt(new Date(ms)))).toBeLessThanOrEqual(Number(before));
        expect(Number(createIdGenerator(worker, () => ms + 1)())).toBeGreaterThan(Number(before));
        expect(Number(createIdGenerator(worker, () => ms - 1)())).toBeLessThan(Number(before));
        // A maker of now has the low bits of one old number alone, which it keeps old processes from.
        expect(Math.floor((Number(createIdGenerator(worker, () => ms)()) % 4_096) / 256)).toBe(worker >> 6);
      }),
    );
  });

  test.each(['', '0', '-1', '1.5', '01', '9007199254740993', '12345678901234567', 'abc', ' 1'])(
    'reject %p',
    (text) => {
      expect(isTimeOrderedId(text)).toBe(false);
    },
  );

  test('require a worker number from 0 to 1,023', () => {
    for (const worker of [-1, 1_024, 1.5]) expect(() => createIdGenerator(worker)).toThrow(RangeError);
  });
});

test('a UUIDv7 is a UUID of version 7', () => {
  expect(isUuid(uuidv7())).toBe(true);
  expect(uuidv7()[14]).toBe('7');
  expect(isUuid("' or 1=1 --")).toBe(false);
});
