import FiveBeansClient from 'fivebeans/lib/client.js';
import type { ServerAddress } from '../../config/hosts';
import { sleep } from '../../core/back-off';

export interface PutOptions {
  /** 0 is the most urgent. */
  readonly priority: number;
  readonly delaySeconds: number;
  /** Time to run: how long a worker may hold the job without a touch. */
  readonly ttrSeconds: number;
}

export interface ReservedJob {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Jobs of one tube by state, and the age of the next ready one. */
export interface TubeStatistics {
  readonly ready: number;
  readonly delayed: number;
  readonly reserved: number;
  readonly buried: number;
  readonly oldestReadySeconds: number;
}

/** One connection. Every command rejects with `BeanstalkdError` when it is rejected, times out, or the connection ends. */
export interface BeanstalkdConnection {
  /** Resolves with the job's id once the server has it (on disk when it runs with `-b`). */
  put(tube: string, bytes: Buffer, options: PutOptions): Promise<string>;
  /** Reserves from this tube only from now on. */
  watchOnly(tube: string): Promise<void>;
  /** Waits for a job; undefined after the timeout. Blocks the connection for other commands. */
  reserve(timeoutSeconds: number): Promise<ReservedJob | undefined>;
  /** Reserves at most this many jobs that are ready now, with one round trip. */
  reserveReady(limit: number): Promise<ReservedJob[]>;
  delete(id: string): Promise<void>;
  release(id: string, options: { priority: number; delaySeconds: number }): Promise<void>;
  bury(id: string, priority: number): Promise<void>;
  touch(id: string): Promise<void>;
  /** How often a job has been reserved, this time included. */
  reserveCount(id: string): Promise<number>;
  tubeStatistics(tube: string): Promise<TubeStatistics>;
  /** Resolves with the reason once the connection has ended. */
  readonly ended: Promise<Error>;
  /** Closes it; the server makes its reserved jobs ready again. */
  close(): void;
}

/** An error response (`word`, like `NOT_FOUND` or `DRAINING`), a timeout, or a lost connection. */
export class BeanstalkdError extends Error {
  override readonly name = 'BeanstalkdError';
  constructor(
    message: string,
    readonly word?: string,
  ) {
    super(message);
  }
}

const CONNECT_TIMEOUT_MS = 3_000;
const COMMAND_TIMEOUT_MS = 5_000;
/** beanstalkd responds with DEADLINE_SOON in the last second of a job's time to run. */
const DEADLINE_SOON_MS = 1_000;

/**
 * Opens one connection, without reconnecting (see `openBeanstalkd`).
 *
 * @param timeoutMs how long a command may take, beyond the time a reserve waits; then the connection is closed
 * @throws BeanstalkdError when there is no connection within 3 s
 */
export async function connectBeanstalkd(
  address: ServerAddress,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<BeanstalkdConnection> {
  const { client, ended } = await openClient(address);
  const run = commandRunner(client, ended, timeoutMs);
  let usedTube = 'default';

  function use(tube: string) {
    if (usedTube === tube) return;
    usedTube = tube;
    // Not awaited: a connection runs its commands in order, and a failure closes it.
    run('use', (callback) => client.use(tube, callback)).catch(() => client.stream.destroy());
  }

  async function reserveWithin(seconds: number): Promise<ReservedJob | 'TIMED_OUT' | 'DEADLINE_SOON'> {
    const [id, bytes] = await run(
      'reserve-with-timeout',
      (callback) =>
        client.reserve_with_timeout(seconds, (word, ...job) =>
          // Neither is a failure, and an idle consumer would create an error every few seconds.
          word === 'TIMED_OUT' || word === 'DEADLINE_SOON' ? callback(null, word) : callback(word, ...job),
        ),
      seconds * 1000,
    );
    if (id === 'TIMED_OUT' || id === 'DEADLINE_SOON') return id;
    if (!Buffer.isBuffer(bytes)) throw new BeanstalkdError('reserve returned no job');
    return { id: String(id), bytes };
  }

  return {
    async put(tube, bytes, { priority, delaySeconds, ttrSeconds }) {
      use(tube);
      const [id] = await run('put', (callback) =>
        client.put(priority, delaySeconds, ttrSeconds, bytes, callback),
      );
      return String(id);
    },
    async watchOnly(tube) {
      await run('watch', (callback) => client.watch(tube, callback));
      if (tube !== 'default') await run('ignore', (callback) => client.ignore('default', callback));
    },
    async reserve(timeoutSeconds) {
      const reserved = await reserveWithin(timeoutSeconds);
      // A job reserved here is about to time out; until then the server responds with this immediately.
      if (reserved === 'DEADLINE_SOON') await sleep(DEADLINE_SOON_MS);
      return typeof reserved === 'string' ? undefined : reserved;
    },
    async reserveReady(limit) {
      const reserved = await Promise.all(Array.from({ length: limit }, () => reserveWithin(0)));
      return reserved.filter((job) => typeof job !== 'string');
    },
    delete: async (id) => void (await run('delete', (callback) => client.destroy(id, callback))),
    release: async (id, { priority, delaySeconds }) =>
      void (await run('release', (callback) => client.release(id, priority, delaySeconds, callback))),
    bury: async (id, priority) => void (await run('bury', (callback) => client.bury(id, priority, callback))),
    touch: async (id) => void (await run('touch', (callback) => client.touch(id, callback))),
    async reserveCount(id) {
      const [statistics] = await run('stats-job', (callback) => client.stats_job(id, callback));
      return numberIn(statistics, 'reserves');
    },
    async tubeStatistics(tube) {
      const statistics = await unlessMissing(
        run('stats-tube', (callback) => client.stats_tube(tube, callback)),
      );
      use(tube);
      const oldest = await unlessMissing(run('peek-ready', (callback) => client.peek_ready(callback)));
      const job =
        oldest &&
        (await unlessMissing(run('stats-job', (callback) => client.stats_job(String(oldest[0]), callback))));
      return {
        ready: numberIn(statistics?.[0], 'current-jobs-ready'),
        delayed: numberIn(statistics?.[0], 'current-jobs-delayed'),
        reserved: numberIn(statistics?.[0], 'current-jobs-reserved'),
        buried: numberIn(statistics?.[0], 'current-jobs-buried'),
        oldestReadySeconds: numberIn(job?.[0], 'age'),
      };
    },
    ended,
    close: () => client.stream.destroy(),
  };
}

async function openClient({ host, port }: ServerAddress) {
  const client = new FiveBeansClient(host, port);
  const connected = Promise.withResolvers<void>();
  const end = Promise.withResolvers<Error>();
  client.on('connect', () => connected.resolve());
  client.on('error', (failure: Error) => end.resolve(new BeanstalkdError(failure.message)));
  client.on('close', () => end.resolve(new BeanstalkdError('beanstalkd closed the connection')));
  client.connect();
  client.stream.setNoDelay(true);
  client.stream.setKeepAlive(true, 15_000);
  const timer = setTimeout(
    () => end.resolve(new BeanstalkdError(`no connection to beanstalkd within ${CONNECT_TIMEOUT_MS} ms`)),
    CONNECT_TIMEOUT_MS,
  );
  try {
    await Promise.race([connected.promise, end.promise.then((reason) => Promise.reject(reason))]);
  } catch (failure) {
    client.stream.destroy();
    throw failure;
  } finally {
    clearTimeout(timer);
  }
  return { client, ended: end.promise };
}

type Callback = (error: string | null | undefined, ...results: unknown[]) => void;

/** Turns commands into promises. fivebeans drops its callbacks when the connection ends, so they are rejected here. */
function commandRunner(client: FiveBeansClient, ended: Promise<Error>, commandMs: number) {
  const pending = new Set<(reason: Error) => void>();
  let lost: Error | undefined;
  void ended.then((reason) => {
    lost = reason;
    for (const reject of pending) reject(reason);
  });

  return function run(command: string, send: (callback: Callback) => void, waitMs = 0) {
    const timeoutMs = waitMs + commandMs;
    return new Promise<unknown[]>((resolve, reject) => {
      if (lost) return reject(lost);
      const settle = () => {
        clearTimeout(timer);
        pending.delete(fail);
      };
      const fail = (reason: Error) => {
        settle();
        reject(reason);
      };
      const timer = setTimeout(() => {
        fail(new BeanstalkdError(`beanstalkd ${command} timed out after ${timeoutMs} ms`));
        // Later responses can no longer be matched to their commands.
        client.stream.destroy();
      }, timeoutMs);
      pending.add(fail);
      writeTogether(client);
      send((word, ...results) => {
        settle();
        if (word) reject(new BeanstalkdError(`beanstalkd responded to ${command} with ${word}`, word));
        else resolve(results);
      });
    });
  };
}

/** Commands of the same moment leave with one system call. */
function writeTogether({ stream }: FiveBeansClient): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}

async function unlessMissing(result: Promise<unknown[]>): Promise<unknown[] | undefined> {
  try {
    return await result;
  } catch (failure) {
    if (failure instanceof BeanstalkdError && failure.word === 'NOT_FOUND') return undefined;
    throw failure;
  }
}

function numberIn(statistics: unknown, key: string): number {
  if (typeof statistics !== 'object' || statistics === null) return 0;
  const value: unknown = Reflect.get(statistics, key);
  return typeof value === 'number' ? value : 0;
}
