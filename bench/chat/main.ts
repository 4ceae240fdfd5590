import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack';
import { chatDuringFailures } from '../../tests/support/chat-scenario';
import { measureSlowReaders } from './slow-readers';

/**
 * 1. Latency of readers behind the gateway while other readers of the room are stalled.
 * 2. Many senders in many rooms on two instances, while one instance and Redis are killed and restarted: whether every
 *    client ends with the same gapless sequence, and the throughput.
 *
 * Senders, readers, instances and servers share the machine.
 * `bun bench/chat/main.ts [connections] [rooms] [messages] [messages per second]`; 0 connections: only the first part.
 */
const [connections = 1_000, rooms = 20, messages = 20_000, perSecond = 500] = process.argv
  .slice(2)
  .map(Number);
const PORT_OFFSET = 6_000;
const SLOW_READERS = {
  readers: 50,
  slow: 5,
  messagesPerSecond: 20,
  messageBytes: 32 * 1024,
  seconds: 15,
  rounds: 5,
};
/** Chat's close code for slow readers; RFC 6455 leaves codes from 3000 to libraries. */
const SLOW = 3008;

const folder = mkdtempSync(join(tmpdir(), 'bench-chat-'));
const only = ['mariadb', 'redis', 'rabbitmq'];
const stack = await startStack({ folder, profile: 'test', portOffset: PORT_OFFSET, only, source: {} });
try {
  Object.assign(process.env, stack.environment);
  const slowReaders = await measureSlowReaders(SLOW_READERS);
  console.dir(slowReaders, { depth: null });
  const areDisconnected = slowReaders.rounds.every(({ closeCodes }) =>
    closeCodes.every((code) => code === SLOW),
  );
  const outcome =
    connections === 0 ? undefined : await chatDuringFailures({ connections, rooms, messages, perSecond });
  if (outcome !== undefined) console.log(outcome);
  process.exitCode = areDisconnected && (outcome === undefined || outcome.wrong.length === 0) ? 0 : 1;
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
