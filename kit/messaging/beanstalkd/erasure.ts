import { withTimeout } from '../../core/runtime';
import type { Beanstalkd } from './client';
import { parkedTube } from './delivery';
import type { BeanstalkdServer } from './server';

const OPEN_TIMEOUT_MS = 5_000;

/**
 * Removes the parked jobs of a tube that name a person, at all servers: for jobs with somebody's words, whose publisher learns of
 * erasures. The others are held meanwhile, and are ready again when the connection closes.
 *
 * @throws BeanstalkdError or TimedOut when a server is unavailable
 */
export async function removeParkedJobs(
  { servers }: Pick<Beanstalkd, 'servers'>,
  tube: string,
  personId: string,
): Promise<void> {
  for (const server of servers) await removeAt(server, parkedTube(tube), personId);
}

async function removeAt(server: BeanstalkdServer, tube: string, personId: string): Promise<void> {
  const what = `beanstalkd ${server.name}, erasure in ${tube}`;
  const opening = server.openConnection(what, (connection) => connection.watchOnly(tube));
  try {
    const connection = await withTimeout(opening.opened(), OPEN_TIMEOUT_MS, what);
    const { ready } = await connection.tubeStatistics(tube);
    for (let seen = 0; seen < ready; seen++) {
      const [job] = await connection.reserveReady(1);
      if (job === undefined) break;
      if (job.bytes.includes(personId)) await connection.delete(job.id);
    }
  } finally {
    await opening.close();
  }
}
