import { expect, test } from 'bun:test';
import { bars } from './bars';
import { drawingsOf } from './drawings';
import { stacks } from './stacks';

const head = { title: 'A & B', subtitle: 'p99 < 20 ms' };
const widths = (svg: string, colour: string) =>
  [...svg.matchAll(new RegExp(`width="([0-9.]+)" height="\\d+" rx="2" class="${colour}"`, 'g'))].map(
    ([, width]) => Number(width),
  );

test('bars are as long as their values', () => {
  const svg = bars(
    head,
    ['one'],
    [
      { name: 'short', values: [100] },
      { name: 'long', values: [400], goal: 800 },
    ],
  );
  const [short = 0, long = 0] = widths(svg, 's0');
  expect(long / short).toBeCloseTo(4, 1);
  expect(svg).toContain('goal 800');
  expect(svg).toContain('A &amp; B');
  expect(svg).toContain('p99 &lt; 20 ms');
});

test('the parts of a stack that have no colour of their own are one', () => {
  const parts = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`process-${index}`, 10 - index]),
  );
  const svg = stacks(head, [{ name: 'all', parts }], 'MB');
  expect(svg).toContain('55 MB');
  // The square of the legend, and the rest: 3 + 2 + 1 of 55.
  const [, rest = 0] = widths(svg, 'c7');
  const [, first = 0] = widths(svg, 'c0');
  expect(rest / first).toBeCloseTo(0.6, 1);
});

test('only what has results is drawn', () => {
  const run = { commit: 'abc', date: '2026-11-30', machine: 'a machine' };
  const rows = [{ name: '1,000 people', figures: { 'home, CPU ms': 0.3 } }];
  const drawings = drawingsOf({ growth: { title: 'Growth', runs: { after: { ...run, rows } } } });
  expect([...drawings.keys()]).toEqual(['growth.svg']);
});
