import { expect, test } from 'bun:test';
import { digestOf, mostLiked, namesNeeded, whoLiked } from './digest';

const likesOf = (post_id: string, people: readonly string[]) =>
  people.map((user_id) => ({ post_id, user_id }));
const people = (number: number) => Array.from({ length: number }, (_, index) => `p${index}`);
const names = new Map(people(100).map((id) => [id, `name of ${id}`]));

test.each([
  [1, 'name of p0'],
  [2, 'name of p0 and name of p1'],
  [3, 'name of p0, name of p1 and name of p2'],
  [4, 'name of p0, name of p1 and 2 others'],
  [9, 'name of p0, name of p1 and 7 others'],
])('%i who like a post are told of as one sentence', (number, sentence) => {
  const [digest] = digestOf(mostLiked(likesOf('1', people(number))), [{ id: '1', excerpt: 'A post' }], names);
  expect(digest && whoLiked(digest)).toBe(sentence);
});

test('people who have left and posts that are gone are not told of', () => {
  const likers = mostLiked([
    ...likesOf('1', ['gone', 'p1']),
    ...likesOf('2', ['gone']),
    ...likesOf('3', ['p1']),
  ]);
  const posts = [
    { id: '1', excerpt: 'one' },
    { id: '2', excerpt: 'two' },
  ];
  expect(digestOf(likers, posts, names)).toEqual([
    { excerpt: 'one', likers: ['name of p1'], othersCount: 0 },
  ]);
});

test('of very many posts the most liked are told of, and no more names asked for than are shown', () => {
  const likers = mostLiked(
    Array.from({ length: 50 }, (_, post) => likesOf(`${post}`, people(post + 1))).flat(),
  );
  expect([...likers.keys()]).toEqual(Array.from({ length: 20 }, (_, index) => `${49 - index}`));
  expect(namesNeeded(likers)).toEqual(people(5));
});
