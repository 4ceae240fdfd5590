import type { JobDefinition } from '#contracts/messages';
import {
  type BeanstalkdAddress,
  type BeanstalkdConnection,
  connectBeanstalkd,
} from '#kit/messaging/beanstalkd/connection';
import { type ParkedJob, parkedTube } from '#kit/messaging/beanstalkd/delivery';
import { identityOf, MAX_REPLAYED, MAX_SHOWN, type ParkedMessage, type ParkedQueue } from './parked-message';

/** Lists the parked jobs of tubes without consuming them. */
export async function listParkedJobs(
  address: BeanstalkdAddress,
  tubes: readonly string[],
): Promise<ParkedQueue[]> {
  const queues = await Promise.all(
    tubes.map((tube) => withConnection(address, (connection) => peek(connection, tube))),
  );
  return queues.filter(({ count }) => count > 0);
}

/** Reserved jobs become ready again when the connection closes. */
async function peek(connection: BeanstalkdConnection, tube: string): Promise<ParkedQueue> {
  const [parked, own] = [
    await connection.tubeStatistics(parkedTube(tube)),
    await connection.tubeStatistics(tube),
  ];
  const shown: ParkedMessage[] = [];
  await connection.watchOnly(parkedTube(tube));
  while (shown.length < Math.min(parked.ready, MAX_SHOWN)) {
    const job = await connection.reserve(0);
    if (job === undefined) break;
    const { reason, parked_at, body } = parkedJobIn(job.bytes);
    shown.push({ ...identityOf(Buffer.from(body)), reason, parkedAt: parked_at });
  }
  return {
    name: tube,
    broker: 'beanstalkd',
    count: parked.ready + own.buried,
    shown,
    ...(own.buried > 0 && {
      note: `${own.buried} of them were too large to be parked and are buried in the tube; the worker's log has the reasons`,
    }),
  };
}

/**
 * Moves the parked jobs of a tube back to it. Each is deleted only after beanstalkd has stored it there. A job that fails
 * again meanwhile is parked again and not moved twice.
 *
 * @param job any job definition of the tube, for its priority and time to run
 * @returns the number of moved jobs
 */
export function replayJobs(address: BeanstalkdAddress, job: JobDefinition): Promise<number> {
  const { tube, priority, ttrSeconds } = job;
  return withConnection(address, async (connection) => {
    const { ready } = await connection.tubeStatistics(parkedTube(tube));
    await connection.watchOnly(parkedTube(tube));
    const count = Math.min(ready, MAX_REPLAYED);
    for (let moved = 0; moved < count; moved++) {
      const parked = await connection.reserve(0);
      if (parked === undefined) return moved;
      const { body } = parkedJobIn(parked.bytes);
      await connection.put(tube, Buffer.from(body), { priority, ttrSeconds, delaySeconds: 0 });
      await connection.delete(parked.id);
    }
    return count;
  });
}

function parkedJobIn(bytes: Buffer): ParkedJob {
  const parked: ParkedJob = JSON.parse(bytes.toString('utf8'));
  if (typeof parked.body !== 'string')
    throw new Error('Invalid parked job: it has no body, so no worker has parked it');
  return parked;
}

async function withConnection<Result>(
  address: BeanstalkdAddress,
  work: (connection: BeanstalkdConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await connectBeanstalkd(address);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
