import type { ServerAddress } from '../../config/hosts';
import { type Runtime, withTimeout } from '../../core/runtime';
import { observeServers } from '../server-metrics';
import { BeanstalkdError, type PutOptions, type TubeStatistics } from './connection';
import { rankServers } from './rendezvous';
import { type BeanstalkdServer, openServer } from './server';

/** How a job is put, and its id: the same for every attempt, so that each goes to the same server if it can. */
export interface JobOptions extends PutOptions {
  readonly id: string;
}

/** One beanstalkd, or several that share the jobs. */
export interface Beanstalkd {
  /** Whether any server is. */
  readonly connected: boolean;
  /** In the order of the configuration. Consumers reserve from all of them. */
  readonly servers: readonly BeanstalkdServer[];
  /**
   * Puts a job, signed by this process, to the first server of its order (`rankServers`) that accepts it. Resolves with the id
   * that the server has given it, once it has responded with `INSERTED`. After a timeout the job may be on two servers.
   *
   * @throws BeanstalkdError without a word when no server is available, or with that of a server that rejects the job
   *   (`BURIED`: out of memory, `DRAINING`, `JOB_TOO_BIG`)
   */
  put(tube: string, bytes: Buffer, options: JobOptions): Promise<string>;
  /**
   * Of all servers that respond, summed up.
   *
   * @throws BeanstalkdError when none does
   */
  tubeStatistics(tube: string): Promise<TubeStatistics>;
}

/** Beyond this puts are rejected immediately instead of filling memory. */
const MAX_PUTS_IN_FLIGHT = 2_000;
/** Of a single server, which nothing can replace. */
const TIMEOUT_MS = 5_000;
/** Of one of several: a job waits this long for a server that hangs, and no other does once its connection is closed. */
const FAIL_OVER_MS = 2_000;
/** A put goes to no further server after this time: it takes no longer than with a single server. */
const PUT_MS = TIMEOUT_MS - FAIL_OVER_MS;
/** Several servers are asked at the same time, within the two seconds of a readiness probe or a measurement. */
const ASK_MS = 800;

/**
 * Opens beanstalkd. Returns immediately and reconnects for ever; puts are rejected while no server is available. Servers know
 * nothing of each other: the jobs of one that is away are handled when it is back, all others are put elsewhere.
 *
 * @param options.addresses one server or several, the same for every process
 * @param options.required whether `/readyz` responds with 503 while no server is available
 * @param options.failOverMs how long one of several servers may take to respond; 2,000 by default
 */
export function openBeanstalkd(
  runtime: Runtime,
  options: { addresses: readonly ServerAddress[]; required: boolean; failOverMs?: number },
): Beanstalkd {
  const { addresses, required, failOverMs = FAIL_OVER_MS } = options;
  const timeoutMs = addresses.length > 1 ? failOverMs : TIMEOUT_MS;
  const servers = addresses.map((address) => openServer(runtime, { address, timeoutMs }));
  const byName = new Map(servers.map((server) => [server.name, server]));
  let inFlight = 0;

  async function putAnywhere(tube: string, bytes: Buffer, { id, ...putOptions }: JobOptions) {
    const startedAt = performance.now();
    let rejection: BeanstalkdError | undefined;
    let isAway = false;
    for (const name of rankServers([...byName.keys()], id)) {
      const server = byName.get(name);
      if (server === undefined || performance.now() - startedAt > PUT_MS) break;
      try {
        return await server.put(tube, bytes, putOptions);
      } catch (failure) {
        if (!(failure instanceof BeanstalkdError) || failure.word === 'JOB_TOO_BIG' || servers.length === 1)
          throw failure;
        if (failure.word === undefined) isAway = true;
        else rejection = failure;
      }
    }
    // A server that is away might have accepted it.
    if (rejection === undefined || isAway) throw new BeanstalkdError('no beanstalkd server is available');
    throw rejection;
  }

  runtime.dependency({ name: 'beanstalkd', required, check: () => checkServers(servers) });
  observeServers(runtime, 'beanstalkd', () => servers);
  runtime.onClose(
    'beanstalkd',
    async () => void (await Promise.all(servers.map((server) => server.close()))),
  );

  return {
    get connected() {
      return servers.some((server) => server.connected);
    },
    servers,
    async put(tube, bytes, jobOptions) {
      if (inFlight >= MAX_PUTS_IN_FLIGHT)
        throw new BeanstalkdError(`${MAX_PUTS_IN_FLIGHT} puts are already in flight`);
      inFlight++;
      try {
        return await putAnywhere(tube, bytes, jobOptions);
      } finally {
        inFlight--;
      }
    },
    async tubeStatistics(tube) {
      const answers = await askAll(servers, (server) => server.tubeStatistics(tube));
      return sumOf(fulfilledOf(answers));
    },
  };
}

/** A detail names servers by their place in the configuration: it is public, and addresses are not. */
async function checkServers(servers: readonly BeanstalkdServer[]): Promise<string | undefined> {
  const answers = await askAll(servers, (server) => server.tubeStatistics('default'));
  if (fulfilledOf(answers).length === servers.length) return undefined;
  const away = answers.flatMap(({ status }, index) => (status === 'rejected' ? [index + 1] : []));
  return `unavailable: number ${away.join(' and ')} of the ${servers.length} servers in BEANSTALKD_HOST`;
}

/** A server that hangs delays the answers of the others by `ASK_MS` at most. */
function askAll<Answer>(
  servers: readonly BeanstalkdServer[],
  ask: (server: BeanstalkdServer) => Promise<Answer>,
): Promise<PromiseSettledResult<Answer>[]> {
  const isOne = servers.length === 1;
  return Promise.allSettled(
    servers.map((server) =>
      isOne ? ask(server) : withTimeout(ask(server), ASK_MS, `asking ${server.name}`),
    ),
  );
}

/** @throws the first failure when there is nothing else */
function fulfilledOf<Answer>(answers: readonly PromiseSettledResult<Answer>[]): Answer[] {
  const values = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [first] = answers;
  if (values.length === 0 && first?.status === 'rejected') throw first.reason;
  return values;
}

const sumOf = (all: readonly TubeStatistics[]): TubeStatistics =>
  all.reduce((sum, one) => ({
    ready: sum.ready + one.ready,
    delayed: sum.delayed + one.delayed,
    reserved: sum.reserved + one.reserved,
    buried: sum.buried + one.buried,
    oldestReadySeconds: Math.max(sum.oldestReadySeconds, one.oldestReadySeconds),
  }));
