import type { RequestKind } from '../support/generator/plan';
import type { Member } from '../support/members';

const PAGE = 20;

/** The requests of the social network, each for every person, with what their responses must be like. */
export function socialRequests(
  members: readonly Member[],
  { postsEach }: { postsEach: number },
): RequestKind[] {
  const postsOnHome = ({ followees }: Member) => Math.min(PAGE, (followees.length + 1) * postsEach);
  const home = ({ username, followees, token }: Member, atLeast: number) => ({
    method: 'GET',
    path: `/posts/home/${username}`,
    token,
    expected: { status: 200, items: { atLeast, authors: [username, ...followees] } },
  });
  /** Another reader for each author: none of them a friend in particular. */
  const readerOf = (index: number) => members[(index * 7 + 1) % members.length]?.token ?? '';
  return [
    {
      name: 'home',
      requests: members.filter((member) => postsOnHome(member) === PAGE).map((member) => home(member, PAGE)),
    },
    { name: 'any-home', requests: members.map((member) => home(member, postsOnHome(member))) },
    {
      name: 'user-timeline',
      requests: members.map(({ username }, index) => ({
        method: 'GET',
        path: `/posts/${username}`,
        token: readerOf(index),
        expected: { status: 200, items: { atLeast: Math.min(PAGE, postsEach), authors: [username] } },
      })),
    },
    {
      name: 'public',
      requests: members.map(({ token }) => ({
        method: 'GET',
        path: '/posts',
        token,
        expected: { status: 200, items: { atLeast: PAGE } },
      })),
    },
    {
      name: 'profile',
      requests: members.map(({ username }, index) => ({
        method: 'GET',
        path: `/users/${username}`,
        token: readerOf(index),
        expected: { status: 200, fields: { username } },
      })),
    },
    {
      name: 'compose',
      requests: members.map(({ username, token }) => ({
        method: 'POST',
        path: '/posts',
        token,
        body: { text: `A thought of ${username} that somebody may want to read #graph` },
        expected: { status: 201, fields: { 'author.username': username } },
      })),
    },
  ];
}
