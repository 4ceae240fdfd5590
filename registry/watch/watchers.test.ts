import { expect, test } from 'bun:test';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { ServiceChange } from '#contracts/registry';
import { DEFAULT_LEASE } from '../table/expiry';
import { DEFAULT_LIMITS } from '../table/rows';
import { createTable } from '../table/table';
import { registerVerified, registrationOf } from '../table/test-table';
import { createWatchers, type StreamStart } from './watchers';

function setUp() {
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
  let registered = 0;
  const watchers = createWatchers(table, { now });
  return {
    watchers,
    pass(ms: number) {
      nowMs += ms;
      watchers.tick();
    },
    register(name: string) {
      registerVerified(table, registrationOf(name, `${name}-${registered++}`));
      watchers.notify();
    },
  };
}

const NEW: StreamStart = { lastEventId: null, ended: () => undefined };

/** Reads `count` events from a stream. */
async function readEvents(stream: ReadableStream<Uint8Array>, count: number): Promise<EventSourceMessage[]> {
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

test('a stalled watcher is disconnected and does not delay others', async () => {
  const { watchers, pass, register } = setUp();
  const stalled = watchers.open(NEW);
  const active = watchers.open(NEW);
  await readEvents(active, 1);
  register('users');
  expect((await readEvents(active, 1))[0]).toMatchObject({ event: 'change', id: 'test:1' });
  pass(10_000);
  expect(watchers.count()).toBe(2);
  pass(1);
  expect(watchers.count()).toBe(1);
  await expect(stalled.getReader().read()).rejects.toThrow('stalled');
});

test('a slow watcher receives each changed service once, in its present state', async () => {
  const { watchers, register } = setUp();
  const slow = watchers.open(NEW);
  for (let instance = 0; instance < 50; instance++) register('users');
  register('posts');
  const [snapshot, ...changes] = await readEvents(slow, 3);
  expect(snapshot?.event).toBe('snapshot');
  expect(changes.map((change) => change.id)).toEqual(['test:50', 'test:51']);
  expect((JSON.parse(changes[0]?.data ?? '') as ServiceChange).instances).toHaveLength(50);
});

test('a stream says when it has ended: its reader left, stalled, or the registry closes', async () => {
  const { watchers, pass, register } = setUp();
  const ended: string[] = [];
  const open = (name: string) => watchers.open({ lastEventId: null, ended: () => void ended.push(name) });
  await open('left').cancel();
  open('stalled');
  register('users');
  pass(10_001);
  open('closed');
  watchers.close();
  expect(ended).toEqual(['left', 'stalled', 'closed']);
});

test('a long poll whose caller disconnects is released', async () => {
  const { watchers } = setUp();
  const caller = new AbortController();
  const waiting = watchers.waitForChange(60_000, caller.signal);
  caller.abort();
  await waiting;
  expect(watchers.count()).toBe(0);
});
