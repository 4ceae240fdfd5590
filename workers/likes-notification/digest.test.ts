import { expect, test } from 'bun:test';
import { digestOf, likersByPost, likersToFetch } from './digest';

const likesOf = (post_id: string, people: readonly string[]) =>
  people.map((user_id) => ({ post_id, user_id }));
const people = (number: number) => Array.from({ length: number }, (_, index) => `p${index}`);
const names = new Map(people(100).map((id) => [id, `name of ${id}`]));

const linkOf = (postId: string) => `https://rookery.example/posts/id/${postId}`;

test.each([
  [1, 1, 0],
  [2, 2, 0],
  [3, 3, 0],
  [4, 2, 2],
  [9, 2, 7],
])('of %i likers %i are named and %i counted', (number, named, others) => {
  const likers = likersByPost(likesOf('1', people(number)));
  expect(digestOf(likers, [{ id: '1', excerpt: 'A post' }], names, linkOf)).toEqual([
    {
      excerpt: 'A post',
      link: 'https://rookery.example/posts/id/1',
      likers: people(named).map((id) => `name of ${id}`),
      others_count: others,
    },
  ]);
});

test('deleted accounts and posts are omitted', () => {
  const likers = likersByPost([
    ...likesOf('1', ['deleted', 'p1']),
    ...likesOf('2', ['deleted']),
    ...likesOf('3', ['p1']),
  ]);
  const posts = [
    { id: '1', excerpt: 'one' },
    { id: '2', excerpt: 'two' },
  ];
  expect(digestOf(likers, posts, names, linkOf)).toEqual([
    { excerpt: 'one', link: linkOf('1'), likers: ['name of p1'], others_count: 0 },
  ]);
});

test('a digest has the most liked posts, and fetches five likers of each', () => {
  const likers = likersByPost(
    Array.from({ length: 50 }, (_, post) => likesOf(`${post}`, people(post + 1))).flat(),
  );
  expect([...likers.keys()]).toEqual(Array.from({ length: 20 }, (_, index) => `${49 - index}`));
  expect(likersToFetch(likers)).toEqual(people(5));
});
