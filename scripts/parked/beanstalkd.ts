import type { JobDefinition } from '#contracts/messages';
import {
  type BeanstalkdAddress,
  type BeanstalkdConnection,
  connectBeanstalkd,
} from '#kit/messaging/beanstalkd/connection';
import { type ParkedJob, parkedTube } from '#kit/messaging/beanstalkd/delivery';
import {
  identityOf,
  MOST_REPLAYED,
  MOST_SHOWN,
  type ParkedMessage,
  type ParkedQueue,
} from './parked-message';

/** Lists what is parked of tubes, without taking it away. */
export async function listParkedJobs(
  address: BeanstalkdAddress,
  tubes: readonly string[],
): Promise<ParkedQueue[]> {
  const queues = await Promise.all(
    tubes.map((tube) => withConnection(address, (connection) => look(connection, tube))),
  );
  return queues.filter(({ count }) => count > 0);
}

/** What is reserved for being looked at is ready again when the connection closes. */
async function look(connection: BeanstalkdConnection, tube: string): Promise<ParkedQueue> {
  const [parked, own] = [
    await connection.tubeStatistics(parkedTube(tube)),
    await connection.tubeStatistics(tube),
  ];
  const shown: ParkedMessage[] = [];
  await connection.watchOnly(parkedTube(tube));
  while (shown.length < Math.min(parked.ready, MOST_SHOWN)) {
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
      note: `${own.buried} were too big to be parked and are buried in the tube; the log tells why`,
    }),
  };
}

/**
 * Moves what is parked of a tube back into it: each is deleted only once beanstalkd has it there. What fails again
 * meanwhile is parked again and not moved twice.
 *
 * @param job any job of the tube, for how its jobs are put
 * @returns how many
 */
export function replayJobs(address: BeanstalkdAddress, job: JobDefinition): Promise<number> {
  const { tube, priority, ttrSeconds } = job;
  return withConnection(address, async (connection) => {
    const { ready } = await connection.tubeStatistics(parkedTube(tube));
    await connection.watchOnly(parkedTube(tube));
    const count = Math.min(ready, MOST_REPLAYED);
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
    throw new Error('a parked job has no body: it was not parked by a worker');
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
