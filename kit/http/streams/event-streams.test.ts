import { afterAll, expect, test } from 'bun:test';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime } from '../../../tests/support/servers';
import { createEventStreams } from './event-streams';

const limitsOf = (count: number) => ({
  maximum: count,
  anonymous: count,
  perAddress: count,
  perPerson: count,
});
const client = {
  context: { request: new Request('http://localhost/'), server: null },
  owner: { personId: null, address: '192.0.2.1' },
};
const runtime = testRuntime('event-streams');
const streams = createEventStreams(runtime, limitsOf(10));

afterAll(() => runtime.close());

const LARGE = 'x'.repeat(100_000);

test('a stalled client causes no reads, and receives the rest in order when it continues', async () => {
  let reads = 0;
  const response = streams.open({
    ...client,
    topic: 'a',
    lastEventId: '0',
    mayContinue: async () => true,
    async read(position) {
      reads++;
      const id = String(Number(position) + 1);
      return { events: [{ id, name: 'large', data: LARGE }], position: id, more: true };
    },
  });
  const reader = response.body?.getReader();
  await Bun.sleep(50);
  expect(reads).toBeLessThan(5);
  let text = '';
  while (!text.includes('id: 20\n')) text += new TextDecoder().decode((await reader?.read())?.value);
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  expect(ids).toEqual(ids.map((_, index) => index + 1));
  await reader?.cancel();
  expect(streams.count()).toBe(0);
});

test('only woken streams read, and events during a read are not missed', async () => {
  const record = { a: 0, b: 0 };
  const reads = { a: 0, b: 0 };
  const open = (topic: 'a' | 'b') =>
    streams.open({
      ...client,
      topic,
      lastEventId: null,
      mayContinue: async () => true,
      async read(position) {
        reads[topic]++;
        const seen = record[topic];
        // Another event is recorded after this read, and before its batch is sent.
        if (seen === 1) {
          record.a = 2;
          streams.wake('a');
        }
        await Bun.sleep(1);
        const events =
          position === null || seen === Number(position) ? [] : [{ id: String(seen), name: 'e', data: {} }];
        return { events, position: String(seen), more: false };
      },
    });
  const [a, b] = [open('a'), open('b')];
  let text = '';
  const reading = Promise.all([
    (async () => {
      for await (const bytes of a.body ?? []) text += new TextDecoder().decode(bytes);
    })(),
    b.text(),
  ]);
  await eventually(() => text.includes('id: 0') && reads.b === 1);
  record.a = 1;
  streams.wake('a');
  await eventually(() => text.includes('id: 1\nevent') && text.includes('id: 2\nevent'));
  expect(reads.b).toBe(1);
  await streams.drain();
  await reading;
});

test('a stream ends when its client may not continue, or its source fails', async () => {
  const other = createEventStreams(testRuntime('event-streams-that-end'), limitsOf(3));
  const source = { ...client, topic: 'a', lastEventId: '1' };
  const end = { events: [], position: '1', more: false };
  const expired = other.open({ ...source, read: async () => end, mayContinue: async () => false });
  const broken = other.open({
    ...source,
    read: () => Promise.reject(new Error('the database is unavailable')),
    mayContinue: async () => true,
  });
  expect(await broken.text()).toBe('retry: 1000\n\n');
  // Slow by design: it is checked with each keep-alive comment.
  expect(await expired.text()).toContain(':\nid: 1\n\n');
  await other.drain();
}, 60_000);
