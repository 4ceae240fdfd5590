import { expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { type NotifyingEvent, noticesOf } from './notices';

const [author, parentAuthor, reposted, mentioned] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];

const created = (data: object): NotifyingEvent => ({
  id: uuidv7(),
  name: 'post.created',
  version: 1,
  occurred_at: '2026-11-20T10:00:00.000Z',
  trace: { request_id: 'a-request' },
  actor: author,
  data: {
    id: '4',
    author_id: author,
    visibility: 'public',
    mentions: [],
    reply_to: null,
    root_id: null,
    repost_of: null,
    created_at: '2026-11-20T10:00:00.000Z',
    ...data,
  },
});

test('a quote is noticed as one', () => {
  const quote = created({ repost_of: '2', repost_of_author_id: reposted, is_quote: true });
  expect(noticesOf(quote)).toMatchObject([
    { user_id: reposted, type: 'repost', reason: 'quote', object_id: '2' },
  ]);
});

const noticesIn = (event: NotifyingEvent) =>
  noticesOf(event).map(({ user_id, type, object_id, subject_id }) => [user_id, type, object_id, subject_id]);

test('each recipient of a post gets one notice: reply before repost before mention', () => {
  const post = created({
    reply_to: '1',
    reply_to_author_id: parentAuthor,
    repost_of: '2',
    repost_of_author_id: reposted,
    mentions: [mentioned, parentAuthor],
  });
  expect(noticesIn(post)).toEqual([
    [parentAuthor, 'reply', '1', '4'],
    [reposted, 'repost', '2', '4'],
    [mentioned, 'mention', '4', '4'],
  ]);
});

test('nobody is notified of their own actions', () => {
  const alone = { reply_to: '1', reply_to_author_id: author, mentions: [author] };
  expect(noticesIn(created(alone))).toEqual([]);
});

test('the author and the voters of an ended poll get one notice each', () => {
  const ended = (author_id: string | null): NotifyingEvent => ({
    ...created({}),
    name: 'poll.ended',
    data: {
      poll_id: 'the poll',
      author_id,
      voter_ids: [parentAuthor, author],
      ended_at: '2026-11-20T10:00:00.000Z',
    },
  });
  const pollNoticesIn = (event: NotifyingEvent) =>
    noticesOf(event).map(({ user_id, actor_id, reason }) => [user_id, actor_id, reason]);
  expect(pollNoticesIn(ended(author))).toEqual([
    [author, undefined, 'asked'],
    [parentAuthor, author, 'voted'],
  ]);
  expect(pollNoticesIn(ended(null))).toEqual([
    [parentAuthor, undefined, 'voted'],
    [author, undefined, 'voted'],
  ]);
});

test('a follow request is noticed by the owner of the profile, its authorization by the one who asked', () => {
  const request = { id: '9', follower_id: mentioned, followee_id: author };
  const asked: NotifyingEvent = { ...created({}), name: 'user.follow-requested', data: request };
  expect(noticesOf(asked)).toMatchObject([
    { user_id: author, type: 'follow-request', actor_id: mentioned, object_id: '9', subject_id: mentioned },
  ]);
  const closed = (outcome: 'authorized' | 'rejected' | 'withdrawn'): NotifyingEvent => ({
    ...created({}),
    name: 'user.follow-request-closed',
    data: { ...request, outcome },
  });
  expect(noticesOf(closed('authorized'))).toMatchObject([
    { user_id: mentioned, type: 'follow-accepted', actor_id: author, object_id: '9', subject_id: author },
  ]);
  expect([...noticesOf(closed('rejected')), ...noticesOf(closed('withdrawn'))]).toEqual([]);
});
