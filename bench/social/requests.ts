import type { RequestKind } from '../support/generator/plan';
import type { Person } from '../support/population';

const PAGE = 20;

/** A reader or author with an access token. */
export interface Member extends Person {
  readonly token: string;
}

/** The requests of the social network, each for every person, with what their responses must be like. */
export function socialRequests(
  members: readonly Member[],
  { postsEach }: { postsEach: number },
): RequestKind[] {
  const postsOnHome = ({ friends }: Member) => Math.min(PAGE, (friends.length + 1) * postsEach);
  const home = ({ username, friends, token }: Member, atLeast: number) => ({
    method: 'GET',
    path: `/posts/home/${username}`,
    token,
    expected: { status: 200, items: { atLeast, authors: [username, ...friends] } },
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
