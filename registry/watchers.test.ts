import { expect, test } from 'bun:test';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { ServiceChange } from '#contracts/registry';
import { DEFAULT_LEASE } from './expiry';
import { DEFAULT_LIMITS } from './rows';
import { createTable } from './table';
import { createWatchers } from './watchers';

function setUp(maximum = 10) {
  let nowMs = 0;
  const now = () => nowMs;
  const table = createTable({
    now,
    timestamp: () => '2026-01-01T00:00:00.000Z',
    epoch: 'test',
    lease: DEFAULT_LEASE,
    limits: DEFAULT_LIMITS,
    sweepMs: 1_000,
  });
  const watchers = createWatchers(table, { now, maximum });
  return {
    watchers,
    pass(ms: number) {
      nowMs += ms;
      watchers.tick();
    },
    enter(name: string) {
      table.register({ name, version: '1', host: '127.0.0.1', port: 5101, routes: [], prefixes: [] });
      watchers.notify();
    },
  };
}

/** Takes what a stream holds, event by event, until `count` are there. */
async function take(stream: ReadableStream<Uint8Array>, count: number): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const reader = stream.getReader();
  while (events.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    parser.feed(new TextDecoder().decode(value));
  }
  reader.releaseLock();
  return events;
}

test('a watcher that takes nothing is dropped, and others are not held up by it', async () => {
  const { watchers, pass, enter } = setUp();
  const stuck = watchers.open(null);
  const lively = watchers.open(null);
  await take(lively, 1);
  enter('users');
  expect((await take(lively, 1))[0]).toMatchObject({ event: 'change', id: 'test:1' });
  pass(10_000);
  expect(watchers.count()).toBe(2);
  pass(1);
  expect(watchers.count()).toBe(1);
  await expect(stuck.getReader().read()).rejects.toThrow('has not taken');
});

test('a slow watcher is told of each service once, as it is when the watcher can take it', async () => {
  const { watchers, enter } = setUp();
  const slow = watchers.open(null);
  for (let instance = 0; instance < 50; instance++) enter('users');
  enter('posts');
  const [snapshot, ...changes] = await take(slow, 3);
  expect(snapshot?.event).toBe('snapshot');
  expect(changes.map((change) => change.id)).toEqual(['test:50', 'test:51']);
  expect((JSON.parse(changes[0]?.data ?? '') as ServiceChange).instances).toHaveLength(50);
});

test('the number of watchers and waiters is bounded together', async () => {
  const { watchers } = setUp(2);
  const stream = watchers.open(null);
  const waiting = watchers.changeWithin(60_000, new AbortController().signal);
  expect(() => watchers.open(null)).toThrow('as many watchers as it can');
  expect(() => watchers.changeWithin(1, new AbortController().signal)).toThrow('as many watchers as it can');
  await stream.cancel();
  expect(watchers.count()).toBe(1);
  watchers.close();
  await waiting;
  expect(watchers.count()).toBe(0);
});

test('a waiter that hangs up is forgotten', async () => {
  const { watchers } = setUp();
  const caller = new AbortController();
  const waiting = watchers.changeWithin(60_000, caller.signal);
  caller.abort();
  await waiting;
  expect(watchers.count()).toBe(0);
});
