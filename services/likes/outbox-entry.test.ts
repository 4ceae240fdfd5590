import { expect, test } from 'bun:test';
import { LikeValidate } from '#contracts/jobs/likes';
import { uuidv7 } from '#kit/core/ids';
import { withTrace } from '#kit/tracing/context';
import { receiveTrace } from '#kit/tracing/spans';
import { outboxEntry, readOutboxEntry } from './outbox-entry';

const DATA = { post_id: '1', user_id: uuidv7(), liked_at: new Date().toISOString() };

test('the span of a message lies beside it in the outbox, and is what the message names', () => {
  const recorder = { shouldSample: () => true, record: () => undefined };
  const entry = () => outboxEntry(LikeValidate, DATA, { actor: null });
  const told = readOutboxEntry(withTrace(receiveTrace(recorder, {}), entry).text);
  expect(JSON.parse(told.body.toString()).trace.traceparent).toBe(told.publishing?.traceparent);
  expect(told.body.toString()).not.toContain('publishing');
  expect(readOutboxEntry(entry().text).publishing).toBeUndefined();
});
