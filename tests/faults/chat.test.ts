import { expect, test } from 'bun:test';
import { talkWhileServersDie } from '../support/chat-scenario';

test('whoever talks while an instance and Redis are killed and come back hears the same gapless sequence as all others, each message once', async () => {
  const outcome = await talkWhileServersDie({ connections: 200, rooms: 10, messages: 3_000, perSecond: 300 });
  expect(outcome.wrong).toEqual([]);
  // Those of the killed instance had to come back: about half of them, as the gateway had spread them.
  expect(outcome.reconnects).toBeGreaterThan(20);
}, 120_000);
