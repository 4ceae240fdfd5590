import { expect, test } from 'bun:test';
import { digestOf, likersByPost, likersToFetch, mailName } from './digest';

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

test('a name is on one line and never empty', () => {
  const named = (display_name: string) => mailName({ display_name, username: 'ada' });
  expect([named('Ada\r\nBcc: eve'), named('\u2028'), named('')]).toEqual(['Ada Bcc: eve', 'ada', 'ada']);
});

test('a long name is cut between its characters, and a name that shows nothing is the username', () => {
  const family = '👨‍👩‍👧‍👦';
  const cut = mailName({ display_name: `a${family.repeat(50)}`, username: 'ada' });
  expect(cut).toBe(`a${family.repeat(18)}…`);
  expect(mailName({ display_name: '\u3164', username: 'ada' })).toBe('ada');
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
