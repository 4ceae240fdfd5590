import type { JobDefinition } from '#contracts/messages';
import type { ServerAddress } from '#kit/config/hosts';
import { authorityOf } from '#kit/core/address';
import {
  type BeanstalkdConnection,
  BeanstalkdError,
  connectBeanstalkd,
} from '#kit/messaging/beanstalkd/connection';
import { type ParkedJob, parkedTube } from '#kit/messaging/beanstalkd/delivery';
import { identityOf, MAX_REPLAYED, MAX_SHOWN, type ParkedMessage, type ParkedQueue } from './parked-message';

/** The results of the servers that respond, and the others. */
export interface FromServers<Result> {
  readonly results: readonly Result[];
  /** `host:port` */
  readonly unavailable: readonly string[];
}

/** Lists the parked jobs of tubes at all servers without consuming them. */
export async function listParkedJobs(
  addresses: readonly ServerAddress[],
  tubes: readonly string[],
): Promise<FromServers<ParkedQueue>> {
  const { results, unavailable } = await fromServers(addresses, (address) =>
    Promise.all(tubes.map((tube) => withConnection(address, (connection) => peek(connection, tube)))),
  );
  const byTube = Map.groupBy(results.flat(), ({ name }) => name);
  const queues = [...byTube.values()].map(merged).filter(({ count }) => count > 0);
  return { results: queues, unavailable };
}

/** The queue of a tube at all servers. */
function merged(queues: readonly Awaited<ReturnType<typeof peek>>[]): ParkedQueue {
  const buried = queues.reduce((sum, queue) => sum + queue.buried, 0);
  const [{ name } = { name: '' }] = queues;
  return {
    name,
    broker: 'beanstalkd',
    count: queues.reduce((sum, { count }) => sum + count, 0),
    shown: queues
      .flatMap(({ shown }) => shown)
      .sort((one, other) => ((one.parkedAt ?? '') < (other.parkedAt ?? '') ? -1 : 1))
      .slice(0, MAX_SHOWN),
    ...(buried > 0 && {
      note: `${buried} of them were too large to be parked and are buried in the tube; the worker's log has the reasons`,
    }),
  };
}

/** Reserved jobs become ready again when the connection closes. */
async function peek(connection: BeanstalkdConnection, tube: string) {
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
  return { name: tube, count: parked.ready + own.buried, buried: own.buried, shown };
}

/**
 * Moves the parked jobs of a tube back to it, at each server. Each is deleted only after beanstalkd has stored it there. A job that
 * fails again meanwhile is parked again and not moved twice.
 *
 * @param job any job definition of the tube, for its priority and time to run
 * @returns the number of moved jobs of each server
 */
export function replayJobs(
  addresses: readonly ServerAddress[],
  job: JobDefinition,
): Promise<FromServers<number>> {
  const limit = Math.ceil(MAX_REPLAYED / addresses.length);
  return fromServers(addresses, (address) =>
    withConnection(address, (connection) => replayAt(connection, job, limit)),
  );
}

async function replayAt(
  connection: BeanstalkdConnection,
  { tube, priority, ttrSeconds }: JobDefinition,
  limit: number,
): Promise<number> {
  const { ready } = await connection.tubeStatistics(parkedTube(tube));
  await connection.watchOnly(parkedTube(tube));
  const count = Math.min(ready, limit);
  for (let moved = 0; moved < count; moved++) {
    const parked = await connection.reserve(0);
    if (parked === undefined) return moved;
    const { body } = parkedJobIn(parked.bytes);
    await connection.put(tube, Buffer.from(body), { priority, ttrSeconds, delaySeconds: 0 });
    await connection.delete(parked.id);
  }
  return count;
}

function parkedJobIn(bytes: Buffer): ParkedJob {
  const parked: ParkedJob = JSON.parse(bytes.toString('utf8'));
  if (typeof parked.body !== 'string')
    throw new Error('Invalid parked job: it has no body, so no worker has parked it');
  return parked;
}

/** @throws the failure of the first server when none responds */
async function fromServers<Result>(
  addresses: readonly ServerAddress[],
  ask: (address: ServerAddress) => Promise<Result>,
): Promise<FromServers<Result>> {
  const results: Result[] = [];
  const failures = new Map<string, unknown>();
  for (const address of addresses)
    try {
      results.push(await ask(address));
    } catch (failure) {
      // An error response is no outage.
      if (!(failure instanceof BeanstalkdError && failure.word === undefined)) throw failure;
      failures.set(authorityOf(address.host, address.port), failure);
    }
  const [first] = failures.values();
  if (results.length === 0) throw first;
  return { results, unavailable: [...failures.keys()] };
}

async function withConnection<Result>(
  address: ServerAddress,
  work: (connection: BeanstalkdConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await connectBeanstalkd(address);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
