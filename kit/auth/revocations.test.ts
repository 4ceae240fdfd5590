import { afterEach, expect, test } from 'bun:test';
import { SessionRevoked, TokenRevoked, UserTokensRevoked } from '#contracts/events/auth';
import { type EventDefinition, envelope } from '#contracts/messages';
import { eventually } from '../../tests/support/eventually';
import { amqpUrl, testRuntime } from '../../tests/support/servers';
import { uuidv7 } from '../core/ids';
import type { Runtime } from '../core/runtime';
import { openRabbit } from '../messaging/rabbit/client';
import { createDenylist, type Revocation } from './denylist';
import { followRevocations } from './revocations';

const runtimes: Runtime[] = [];
const expires_at = Math.floor(Date.now() / 1000) + 600;

afterEach(async () => {
  for (const runtime of runtimes.splice(0)) await runtime.close();
});

/** One process of a service, with its own denylist. */
async function startProcess(load: () => Promise<readonly Revocation[]> = async () => []) {
  const runtime = testRuntime('listener');
  runtimes.push(runtime);
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: false });
  const denylist = createDenylist();
  const loaded = Promise.withResolvers<void>();
  let loads = 0;
  const isRevoked = followRevocations(runtime, rabbit, denylist, async () => {
    // The first load is at the start; the second shows that the queue is bound.
    if (++loads === 2) loaded.resolve();
    return load();
  });
  await loaded.promise;
  return { rabbit, denylist, isRevoked };
}

const callerOf = (fields: { id?: string; sessionId?: string; tokenId?: string }) => ({
  id: uuidv7(),
  sessionId: uuidv7(),
  tokenId: uuidv7(),
  signedInAt: 0,
  issuedAt: 100,
  ...fields,
});

function publish(
  rabbit: ReturnType<typeof openRabbit>,
  event: EventDefinition,
  data: Record<string, unknown>,
) {
  const message = envelope(event, data, { requestId: 'a-request-of-a-test', actor: null });
  return rabbit.publish(event, { id: message.id, body: Buffer.from(JSON.stringify(message)) });
}

test('a revocation reaches every process of every service', async () => {
  const processes = await Promise.all([startProcess(), startProcess(), startProcess()]);
  const [{ rabbit } = await startProcess()] = processes;
  const user_id = uuidv7();
  const callers = [callerOf({ id: user_id }), callerOf({}), callerOf({})] as const;
  await publish(rabbit, UserTokensRevoked, { user_id, issued_until: 100, expires_at });
  await publish(rabbit, SessionRevoked, { session_id: callers[1].sessionId, user_id, expires_at });
  await publish(rabbit, TokenRevoked, { token_id: callers[2].tokenId, user_id, expires_at });
  await eventually(() =>
    processes.every(({ denylist }) => callers.every((caller) => denylist.isRevoked(caller))),
  );
  for (const { denylist } of processes) expect(denylist.isRevoked(callerOf({}))).toBe(false);
});

test('a process loads earlier revocations at its start, and retries while auth is unavailable', async () => {
  const caller = callerOf({});
  let attempts = 0;
  const { denylist } = await startProcess(async () => {
    if (++attempts < 3) throw new Error('auth is unavailable');
    return [{ kind: 'session', subject: caller.sessionId, issuedUntil: 0, expiresAt: expires_at }];
  });
  await eventually(() => denylist.isRevoked(caller));
});

test('an invalid message is skipped', async () => {
  const { rabbit, denylist } = await startProcess();
  await rabbit.publish(TokenRevoked, { id: uuidv7(), body: Buffer.from('no message') });
  const caller = callerOf({});
  await publish(rabbit, TokenRevoked, { token_id: caller.tokenId, user_id: uuidv7(), expires_at });
  await eventually(() => denylist.isRevoked(caller));
});

test('a process that starts while auth is unavailable accepts no token until it has loaded the revocations', async () => {
  const runtime = testRuntime('listener');
  runtimes.push(runtime);
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: false });
  const [revoked, good] = [callerOf({}), callerOf({})];
  let unavailable = true;
  const isRevoked = followRevocations(runtime, rabbit, createDenylist(), async () => {
    if (unavailable) throw new Error('auth is unavailable');
    return [{ kind: 'session', subject: revoked.sessionId, issuedUntil: 0, expiresAt: expires_at }];
  });
  const rejection = await Promise.resolve(isRevoked(good)).catch((failure: unknown) => failure);
  expect(rejection).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  const pending = [isRevoked(good), isRevoked(revoked)];
  unavailable = false;
  expect(await Promise.all(pending)).toEqual([false, true]);
  expect(isRevoked(good)).toBe(false);
});
