import type { ServerAddress } from '../config/hosts';
import { withTimeout } from '../core/runtime';
import type { Access } from './address';
import { type Client, createInnerClient } from './connection';

const ASK_TIMEOUT_MS = 1_000;

/** Connects to a server for one question. @throws in time */
export async function askServer<Answer>(
  server: ServerAddress,
  access: Access,
  question: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  const client = createInnerClient(server, access);
  let isDone = false;
  // The failure is that of the question.
  client.on('error', () => undefined);
  client.on('connect', () => isDone && client.destroy());
  try {
    const answer = client.connect().then(() => question(client));
    return await withTimeout(answer, ASK_TIMEOUT_MS, 'asking a server of Redis');
  } finally {
    isDone = true;
    client.destroy();
  }
}
