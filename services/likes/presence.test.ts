import { afterAll, expect, test } from 'bun:test';
import { LIKES_PRESENT, likeChangesChannel } from '#contracts/changes/likes';
import { openRedis } from '#kit/redis/client';
import { eventually } from '../../tests/support/eventually';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { announcePresence } from './presence';

const runtime = testRuntime('likes-presence');
afterAll(() => runtime.close());

test('who listens to the notifications of likes hears again and again that they arrive', async () => {
  const open = () => openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
  const [listener, redis] = [await open(), await open()];
  const prefix = redis.family(uniqueName('likes'));
  const heard: string[] = [];
  await listener.subscribe(likeChangesChannel(prefix), (message) => void heard.push(message));
  announcePresence(runtime, { redis, prefix });
  await eventually(() => heard.length >= 2);
  expect(new Set(heard)).toEqual(new Set([LIKES_PRESENT]));
});
