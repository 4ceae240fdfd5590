import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack';
import { talkWhileServersDie } from '../../tests/support/chat-scenario';
import { readBesideSlowOnes } from './slow-readers';

/**
 * 1. Some stop reading, others read on through the gateway: what do these notice of it.
 * 2. Many talkers in many rooms on two instances, while one of them and Redis are killed and started again: does everybody
 *    end with the same gapless sequence, and how fast is it.
 *
 * Talkers, readers, instances and servers share the machine.
 * `bun bench/chat/main.ts [connections] [rooms] [messages] [messages a second]`; 0 connections: the first part only.
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
/** RFC 6455 leaves the numbers from 3000 to libraries: this is "slow". */
const SLOW = 3008;

const folder = mkdtempSync(join(tmpdir(), 'bench-chat-'));
const only = ['mariadb', 'redis', 'rabbitmq'];
const stack = await startStack({ folder, profile: 'test', portOffset: PORT_OFFSET, only, source: {} });
try {
  Object.assign(process.env, stack.environment);
  const besideSlowOnes = await readBesideSlowOnes(SLOW_READERS);
  console.dir(besideSlowOnes, { depth: null });
  const sentAway = besideSlowOnes.rounds.every(({ closeCodes }) => closeCodes.every((code) => code === SLOW));
  const outcome =
    connections === 0 ? undefined : await talkWhileServersDie({ connections, rooms, messages, perSecond });
  if (outcome !== undefined) console.log(outcome);
  process.exitCode = sentAway && (outcome === undefined || outcome.wrong.length === 0) ? 0 : 1;
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
