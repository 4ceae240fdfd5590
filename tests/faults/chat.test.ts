import { expect, test } from 'bun:test';
import { chatDuringFailures } from '../support/chat-scenario';

test('all clients of a room receive the same gapless sequence, each message once, while an instance and Redis are killed and restarted', async () => {
  const outcome = await chatDuringFailures({ connections: 200, rooms: 10, messages: 3_000, perSecond: 300 });
  expect(outcome.wrong).toEqual([]);
  // The clients of the killed instance had to reconnect: about half of all, as the gateway balances them.
  expect(outcome.reconnects).toBeGreaterThan(20);
}, 120_000);
