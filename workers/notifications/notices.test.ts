import { expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { type NotifyingEvent, noticesOf } from './notices';

const [author, answered, reposted, mentioned] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];

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

const told = (event: NotifyingEvent) =>
  noticesOf(event).map(({ user_id, type, object_id, subject_id }) => [user_id, type, object_id, subject_id]);

test('of a post everybody it concerns is told once, by what concerns them most', () => {
  const post = created({
    reply_to: '1',
    reply_to_author_id: answered,
    repost_of: '2',
    repost_of_author_id: reposted,
    mentions: [mentioned, answered],
  });
  expect(told(post)).toEqual([
    [answered, 'reply', '1', '4'],
    [reposted, 'repost', '2', '4'],
    [mentioned, 'mention', '4', '4'],
  ]);
});

test('nobody is told of what they did themselves', () => {
  const alone = { reply_to: '1', reply_to_author_id: author, mentions: [author] };
  expect(told(created(alone))).toEqual([]);
});

test('of a poll that has ended whoever asked and all who voted are told, the one who did both once', () => {
  const ended = (author_id: string | null): NotifyingEvent => ({
    ...created({}),
    name: 'poll.ended',
    data: {
      poll_id: 'the poll',
      author_id,
      voter_ids: [answered, author],
      ended_at: '2026-11-20T10:00:00.000Z',
    },
  });
  const toldOfPoll = (event: NotifyingEvent) =>
    noticesOf(event).map(({ user_id, actor_id, reason }) => [user_id, actor_id, reason]);
  expect(toldOfPoll(ended(author))).toEqual([
    [author, undefined, 'asked'],
    [answered, author, 'voted'],
  ]);
  expect(toldOfPoll(ended(null))).toEqual([
    [answered, undefined, 'voted'],
    [author, undefined, 'voted'],
  ]);
});
