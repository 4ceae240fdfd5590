import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { testRuntime } from '../../tests/support/servers';
import { createDirectDelivery } from './direct-delivery';
import { blockChanged, followRequested } from './relationships/events';

const runtime = testRuntime('users');
afterAll(() => runtime.close());

const block = () => blockChanged({ userId: uuidv7(), otherId: uuidv7(), active: true }, 1);

/** timelines, whose responses the test decides. */
function startDelivery() {
  const calls: { payloads: string[]; respond: () => void; fail: () => void }[] = [];
  const deliver = createDirectDelivery(runtime, {
    applyUserEvents({ events }) {
      const { promise, resolve, reject } = Promise.withResolvers<object>();
      calls.push({
        payloads: events.map(String),
        respond: () => resolve({}),
        fail: () => reject(new DependencyUnavailable()),
      });
      return promise;
    },
  });
  return { calls, deliver };
}

test('the events of a request are sent together, as they are in the outbox; others are only delivered', async () => {
  const { calls, deliver } = startDelivery();
  const [one, other] = [block(), block()];
  const request = followRequested({ since: '1', followerId: uuidv7(), followeeId: uuidv7() });
  const done = deliver([request, one, other]);
  expect(calls.map(({ payloads }) => payloads)).toEqual([[one.payload, other.payload]]);
  calls[0]?.respond();
  await done;
  await deliver([request]);
  await deliver([]);
  expect(calls).toHaveLength(1);
});

test('while timelines fails nobody waits for it, and one event at a time is sent until one succeeds', async () => {
  const { calls, deliver } = startDelivery();
  for (let failure = 0; failure < 5; failure++) {
    const done = deliver([block()]);
    calls.at(-1)?.fail();
    await done;
  }
  // Returns though nobody has responded, twice; the second is not sent.
  await deliver([block()]);
  await deliver([block()]);
  expect(calls).toHaveLength(6);
  calls.at(-1)?.fail();
  // The failure is recorded after a few microtasks.
  await Bun.sleep(0);
  await deliver([block()]);
  expect(calls).toHaveLength(7);
  calls.at(-1)?.respond();
  await Bun.sleep(0);
  let isDone = false;
  const done = deliver([block()]).then(() => {
    isDone = true;
  });
  await Bun.sleep(0);
  expect([calls.length, isDone]).toEqual([8, false]);
  calls.at(-1)?.respond();
  await done;
});
