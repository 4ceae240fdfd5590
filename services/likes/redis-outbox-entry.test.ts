import { expect, test } from 'bun:test';
import { LikeValidate } from '#contracts/jobs/likes';
import { uuidv7 } from '#kit/core/ids';
import { withTrace } from '#kit/tracing/context';
import { receiveTrace } from '#kit/tracing/spans';
import { readRedisOutboxEntry, redisOutboxEntry } from './redis-outbox-entry';

const DATA = { post_id: '1', user_id: uuidv7(), liked_at: new Date().toISOString() };

test('an entry stores the publishing span beside the message, whose traceparent refers to it', () => {
  const recorder = { shouldSample: () => true, record: () => undefined };
  const entry = () => redisOutboxEntry(LikeValidate, DATA, { actor: null });
  const read = readRedisOutboxEntry(withTrace(receiveTrace(recorder, {}), entry).text);
  expect(JSON.parse(read.body.toString()).trace.traceparent).toBe(read.publishing?.traceparent);
  expect(read.body.toString()).not.toContain('publishing');
  expect(readRedisOutboxEntry(entry().text).publishing).toBeUndefined();
});
