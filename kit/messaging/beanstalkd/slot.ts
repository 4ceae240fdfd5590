import type { Runtime } from '../../core/runtime';
import type { BeanstalkdConnection, ReservedJob } from './connection';
import type { BeanstalkdServer } from './server';

/** A server with the connection that jobs are reserved and settled on: only that may settle them. */
export interface JobSourceServer {
  readonly server: BeanstalkdServer;
  readonly connection: BeanstalkdConnection;
}

export interface Slot {
  readonly tube: string;
  /** Names it in the log. */
  readonly number: number;
  /** The index of the server that it waits at, counted on beyond the last. */
  readonly home: number;
  /** Jobs that are reserved together when so many are ready. */
  readonly batch: number;
  readonly handleJob: (source: JobSourceServer, job: ReservedJob) => Promise<void>;
}

/** How long a reserve waits at the only server. */
const RESERVE_SECONDS = 5;
/** At one of several: a job at another server waits no longer for a slot that is free. */
const RESERVE_AMONG_SEVERAL_SECONDS = 1;

/**
 * Reserves and handles one job, or one batch of jobs, at a time, from all servers. A waiting reserve occupies its connection and
 * cannot be canceled, and must not bring a second job while the first is handled; so a slot asks the servers one after the other
 * for a job that is ready, beginning after the one that had the last, and then waits at one of them, each slot at another.
 */
export function runSlot(runtime: Runtime, servers: readonly BeanstalkdServer[], slot: Slot) {
  const { tube, number, home, batch, handleJob } = slot;
  const sources = servers.map((server) => ({
    server,
    reserving: server.openConnection(
      `beanstalkd consumer ${number} of ${tube}${servers.length > 1 ? ` at ${server.name}` : ''}`,
      (connection) => connection.watchOnly(tube),
    ),
  }));
  const reserveSeconds = servers.length > 1 ? RESERVE_AMONG_SEVERAL_SECONDS : RESERVE_SECONDS;
  let busy = false;
  /** As many more jobs as were ready lately: a reservation in vain costs a command. */
  let expected = 1;
  /** Where the next search begins. */
  let next = home;

  /** The sources with a connection, beginning with the one of this index. */
  const openFrom = (first: number) =>
    [...sources.keys()].flatMap((step) => {
      const index = (first + step) % sources.length;
      const source = sources[index];
      const connection = source?.reserving.current;
      return source && connection ? [{ index, server: source.server, connection }] : [];
    });

  async function findReady() {
    if (sources.length === 1) return undefined;
    for (const { index, server, connection } of openFrom(next)) {
      const [job] = (await connection.reserveReady(1).catch(untilReopened(connection))) ?? [];
      if (job === undefined) continue;
      next = (index + 1) % sources.length;
      return { source: { server, connection }, job };
    }
    return undefined;
  }

  async function waitForJob() {
    await Promise.any(sources.map(({ reserving }) => reserving.opened()));
    const [nearest] = openFrom(home);
    if (nearest === undefined) return undefined;
    const { server, connection } = nearest;
    const job = await connection.reserve(reserveSeconds).catch(untilReopened(connection));
    return job && { source: { server, connection }, job };
  }

  async function reserveMore(connection: BeanstalkdConnection): Promise<ReservedJob[]> {
    const wanted = Math.min(expected, batch - 1);
    if (wanted === 0) return [];
    const more = (await connection.reserveReady(wanted).catch(untilReopened(connection))) ?? [];
    expected = more.length === wanted ? wanted * 2 : Math.max(1, more.length);
    return more;
  }

  async function work() {
    while (!runtime.closing.aborted) {
      const found = (await findReady()) ?? (await waitForJob());
      // A job reserved during shutdown is released when the connection closes.
      if (found === undefined || runtime.closing.aborted) continue;
      busy = true;
      const { source, job } = found;
      const jobs = [job, ...(await reserveMore(source.connection))];
      await Promise.all(jobs.map((each) => handleJob(source, each)));
      busy = false;
    }
  }
  const working = work().catch((failure: unknown) => {
    if (!runtime.closing.aborted) runtime.log.error({ err: failure, tube }, 'A consumer slot failed');
  });
  const close = async () => void (await Promise.all(sources.map(({ reserving }) => reserving.close())));
  return {
    // Waits for a running job, but not for a pending reserve.
    drain: async () => (busy ? working : close()),
    close,
  };
}

/** A failed reserve means a lost connection; awaiting its end keeps the loop from spinning. */
const untilReopened = (connection: BeanstalkdConnection) => async (): Promise<undefined> => {
  connection.close();
  await connection.ended;
  return undefined;
};
