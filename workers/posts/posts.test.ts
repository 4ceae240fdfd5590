import { expect, test } from 'bun:test';
import { pino } from 'pino';
import { PostCreate } from '#contracts/jobs/posts';
import { envelope, type MessageOf } from '#contracts/messages';
import { DependencyUnavailable, defineProblem, ValidationFailed } from '#kit/errors/problem';
import { PermanentError } from '#kit/messaging/delivery';
import { postsWorker } from '.';

const context = { attempt: 1, log: pino({ level: 'silent' }), closing: new AbortController().signal };
const job: MessageOf<typeof PostCreate> = envelope(
  PostCreate,
  {
    id: '4096',
    author_id: Bun.randomUUIDv7(),
    username: 'alice',
    text: 'hello',
    reply_to: null,
    repost_of: null,
    media_ids: [],
    poll_id: null,
    visibility: 'public',
    created_at: '2026-11-20T09:15:01.000Z',
    idempotency_key: null,
  },
  { requestId: 'request-1', actor: null },
);

const handle = (createAcceptedPost: Parameters<typeof postsWorker>[0]['timelines']['createAcceptedPost']) =>
  postsWorker({ timelines: { createAcceptedPost } }).handle(job, context);

const BlockedAuthor = defineProblem('user.blocked', 403, 'User blocked');
const ReferenceNotFound = defineProblem('post.reference-not-found', 422, 'Referenced post not found');
const invalid = (...fields: string[]) =>
  new ValidationFailed({ errors: fields.map((field) => ({ field, message: 'Expected something else' })) });

test('a post that is created, or was before, is done', async () => {
  for (const created of [true, false]) await handle(async () => ({ created }));
});

test.each([
  ['the post it refers to', new ReferenceNotFound()],
  ['its access to the author of that post', new BlockedAuthor()],
  ['a picture', invalid('media_ids.1')],
  ['all pictures and the poll', invalid('media_ids.0', 'media_ids.1', 'poll_id')],
])(
  'a post that has lost %s since it was accepted is rejected, which is no failure',
  async (_what, failure) => {
    await handle(() => Promise.reject(failure));
  },
);

test.each([
  ['text', invalid('text')],
  ['text and a picture', invalid('media_ids.0', 'text')],
  ['nothing in particular', new ValidationFailed({ errors: [] })],
])('a job that timelines does not understand is parked: %s', async (_what, failure) => {
  await expect(handle(() => Promise.reject(failure))).rejects.toBeInstanceOf(PermanentError);
});

test('while timelines is unavailable the job is retried', async () => {
  const unavailable = handle(() => Promise.reject(new DependencyUnavailable()));
  await expect(unavailable).rejects.not.toBeInstanceOf(PermanentError);
});
