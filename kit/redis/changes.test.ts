import { afterAll, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { startFaultProxy } from '../../tests/support/fault-proxy';
import { breakConnections } from '../../tests/support/redis';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { openChanges } from './changes';
import { openRedis } from './client';
import type { Redis } from './commands';

const runtime = testRuntime('changes');
const options = { url: serverVariable('REDIS_URL'), required: false };
const channel = uniqueName('changes');

afterAll(() => runtime.close());

async function listen(redis: Redis) {
  const heard: string[] = [];
  let lost = 0;
  const changes = openChanges(runtime, redis, {
    channel,
    onChange: (message) => void heard.push(message),
    others: { [`${channel}-other`]: (message) => void heard.push(`other ${message}`) },
    onLost: () => {
      lost++;
    },
  });
  await eventually(() => changes.current());
  return { changes, heard, lost: () => lost };
}

test('what was published before has been handled when a process knows that it is current', async () => {
  const [one, other] = [await openRedis(runtime, options), await openRedis(runtime, options)];
  const [writer, reader] = [await listen(one), await listen(other)];
  for (let number = 0; number < 200; number++) {
    await writer.changes.publish(String(number));
    await one.publish(`${channel}-other`, String(number));
    expect(await reader.changes.current()).toBe(true);
    expect(reader.heard.slice(-2)).toEqual([String(number), `other ${number}`]);
  }
  expect(writer.heard).toEqual(reader.heard);
});

test('a broken connection drops what is remembered, before and after it is restored', async () => {
  const brokenRuntime = testRuntime('changes-broken');
  const [redis, other] = [await openRedis(brokenRuntime, options), await openRedis(runtime, options)];
  const { changes, heard, lost } = await listen(redis);
  const before = lost();
  await breakConnections(options.url, brokenRuntime.name);
  await other.publish(channel, 'missed');
  await eventually(() => lost() > before);
  await eventually(() => changes.current());
  expect(lost()).toBeGreaterThan(before + 1);
  await other.publish(channel, 'received');
  await changes.current();
  expect(heard.at(-1)).toBe('received');
  await brokenRuntime.close();
});

test('a notification that could not be published is made up for: everybody drops everything', async () => {
  const writerRuntime = testRuntime('changes-writer');
  const proxy = await startFaultProxy(Number(new URL(options.url).port), 'PUBLISH');
  const url = `redis://127.0.0.1:${proxy.port}`;
  const redis = await openRedis(writerRuntime, { url, required: false });
  const [writer, reader] = [await listen(redis), await listen(await openRedis(runtime, options))];
  const lost = reader.lost();
  proxy.inject({ kind: 'reset' });
  await expect(writer.changes.publish('unheard')).rejects.toThrow();
  expect(reader.lost()).toBe(lost);
  proxy.inject(null);
  await eventually(() => reader.lost() > lost);
  expect(reader.heard).not.toContain('unheard');
  await writerRuntime.close();
  proxy.stop();
});

test('a command that failed leaves nothing current until notifications are proven to arrive again', async () => {
  const redis = await openRedis(runtime, options);
  const { changes, lost } = await listen(redis);
  const before = lost();
  changes.doubt();
  expect([await changes.current(), lost()]).toEqual([false, before + 1]);
  await eventually(() => changes.current());
});

test('without Redis nothing is known to be current', async () => {
  const closed = testRuntime('changes-without-redis');
  const redis = await openRedis(closed, { url: 'redis://127.0.0.1:1', required: false });
  const changes = openChanges(closed, redis, { channel, onChange() {}, onLost() {} });
  expect(await changes.current()).toBe(false);
  expect(changes.isReceiving()).toBe(false);
  expect(changes.publish('nobody hears')).rejects.toThrow();
  await closed.close();
});
