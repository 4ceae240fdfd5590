import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack';
import { talkWhileServersDie } from '../../tests/support/chat-scenario';

/**
 * Many talkers in many rooms on two instances, while one of them and Redis are killed and started again: does everybody
 * end with the same gapless sequence, and how fast is it. Talkers, instances and servers share the machine.
 * `bun bench/chat/main.ts [connections] [rooms] [messages] [messages a second]`
 */
const [connections = 1_000, rooms = 20, messages = 20_000, perSecond = 500] = process.argv
  .slice(2)
  .map(Number);
const PORT_OFFSET = 6_000;

const folder = mkdtempSync(join(tmpdir(), 'bench-chat-'));
const only = ['mariadb', 'redis', 'rabbitmq'];
const stack = await startStack({ folder, profile: 'test', portOffset: PORT_OFFSET, only, source: {} });
try {
  Object.assign(process.env, stack.environment);
  const outcome = await talkWhileServersDie({ connections, rooms, messages, perSecond });
  console.log(outcome);
  process.exitCode = outcome.wrong.length === 0 ? 0 : 1;
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
