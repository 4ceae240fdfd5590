import { expect, test } from 'bun:test';
import { powerLawGraph } from './graph';
import { networkOfFriends } from './network';

const graph = powerLawGraph({ people: 400, friendsOfNew: 10 });
const degrees = [...graph.friends.values()].map((friends) => friends.size);

test('everybody has as many friends as each new person makes, or more', () => {
  expect(graph.people).toHaveLength(400);
  expect(Math.min(...degrees)).toBeGreaterThanOrEqual(10);
  expect(degrees.reduce((sum, degree) => sum + degree, 0)).toBe(graph.edges * 2);
});

test('a few have many times as many friends as most', () => {
  const sorted = degrees.toSorted((one, other) => one - other);
  expect(sorted.at(-1)).toBeGreaterThan(4 * (sorted[200] ?? 0));
});

test('is the same each time', () => {
  expect(powerLawGraph({ people: 400, friendsOfNew: 10 })).toEqual(graph);
});

test('friends follow each other', () => {
  const { followees } = networkOfFriends(graph);
  for (let person = 0; person < 400; person++)
    for (const followee of followees(person)) expect([...followees(followee)]).toContain(person);
});
