import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createFairLine, type Place } from './fair-line';

const other = (key: string): Place => ({ key, preferred: false });
const preferred = (key: string): Place => ({ key, preferred: true });

function lineOf(...entries: [Place, string][]) {
  const line = createFairLine<string>();
  for (const [place, entry] of entries) line.add(place, entry);
  return line;
}

function drained(line: ReturnType<typeof lineOf>): string[] {
  const taken: string[] = [];
  for (let next = line.takeNext(); next !== undefined; next = line.takeNext()) taken.push(next);
  return taken;
}

test('entries take turns by key, so that many of one do not delay those of another', () => {
  const names = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'];
  const line = lineOf(...names.map((name): [Place, string] => [other(name.charAt(0)), name]));
  expect(drained(line)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test('preferred entries get every second turn, whatever number of others waits', () => {
  const names = ['a1', 'b1', 'c1', 'd1'];
  const line = lineOf(...names.map((name): [Place, string] => [other(name), name]));
  line.add(preferred('e'), 'e1');
  line.add(preferred('e'), 'e2');
  expect(drained(line)).toEqual(['e1', 'a1', 'e2', 'b1', 'c1', 'd1']);
});

test('in a full line the newest of the longest queue gives way, but not to one that would be it', () => {
  const line = lineOf([other('a'), 'a1'], [other('a'), 'a2'], [other('a'), 'a3'], [other('b'), 'b1']);
  expect(line.mayDisplace(other('a'))).toBeFalse();
  expect(line.displaceFor(other('a'))).toBeUndefined();
  expect(line.displaceFor(other('b'))).toBe('a3');
  expect(line.displaceFor(other('c'))).toBe('a2');
  expect(line.displaceFor(other('d'))).toBeUndefined();
});

test('neither kind keeps the other out: the larger one gives way, until both have as many', () => {
  const line = lineOf([other('a'), 'a1'], [other('b'), 'b1'], [other('c'), 'c1'], [other('d'), 'd1']);
  for (let count = 0; line.mayDisplace(preferred('p')) && count < 10; count++) {
    line.displaceFor(preferred('p'));
    line.add(preferred('p'), `p${count}`);
  }
  const taken = drained(line);
  expect(taken.filter((entry) => entry.startsWith('p'))).toHaveLength(2);
  expect(taken).toHaveLength(4);
});

/** What happens to a line, by one number each: who comes, and what is done. */
const steps = fc.array(
  fc.record({
    action: fc.constantFrom('add', 'add', 'add', 'next', 'remove', 'last'),
    key: fc.constantFrom('a', 'b', 'c'),
    preferred: fc.boolean(),
    pick: fc.nat(20),
  }),
  { maxLength: 60 },
);

test('every entry leaves exactly once, and the size is that of those that wait', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const line = createFairLine<number>();
      const waiting = new Map<number, Place>();
      sequence.forEach(({ action, pick, ...place }, entry) => {
        const ids = [...waiting.keys()];
        const picked = ids[pick % Math.max(1, ids.length)];
        if (action === 'add') {
          line.add(place, entry);
          waiting.set(entry, place);
        } else if (action === 'remove' && picked !== undefined) {
          expect(line.remove(waiting.get(picked) ?? place, picked)).toBeTrue();
          waiting.delete(picked);
        } else {
          const taken = action === 'last' ? line.takeLast() : line.takeNext();
          expect(taken === undefined).toBe(waiting.size === 0);
          if (taken !== undefined) expect(waiting.delete(taken)).toBeTrue();
        }
        expect(line.size).toBe(waiting.size);
      });
    }),
  );
});
