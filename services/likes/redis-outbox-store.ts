import type { LikesStorage } from './deps';
import { pairsOf, runScript, withReply } from './run-script';
import * as scripts from './scripts/outbox';

export type Broker = 'beanstalkd' | 'rabbitmq';

/** Leases messages for a broker: no other instance gets them for `leaseMs`. @returns id and entry of each */
export async function claimMessages(
  storage: LikesStorage,
  claim: { broker: Broker; limit: number; leaseMs: number },
): Promise<[string, string][]> {
  const { broker, limit, leaseMs } = claim;
  return pairsOf(await runScript(storage, scripts.CLAIM_MESSAGES, broker, limit, leaseMs));
}

/** Removes sent messages, and lets the others be claimed again after `retryMs`. */
export async function settleMessages(
  storage: LikesStorage,
  settled: { broker: Broker; sent: readonly string[]; unsent: readonly string[]; retryMs: number },
): Promise<void> {
  const { broker, sent, unsent, retryMs } = settled;
  await runScript(storage, scripts.SETTLE_MESSAGES, broker, retryMs, sent.length, ...sent, ...unsent);
}

export async function countUnsent({ redis, prefix }: LikesStorage, broker: Broker): Promise<number> {
  return withReply(redis.zCard(`${prefix}:outbox:${broker}`));
}
