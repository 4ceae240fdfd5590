import { MAX_MESSAGE_BYTES } from '#contracts/messages';
import { keepConnected, type Reconnecting } from '../../core/reconnect';
import type { Runtime } from '../../core/runtime';
import {
  type BeanstalkdAddress,
  type BeanstalkdConnection,
  BeanstalkdError,
  connectBeanstalkd,
  type PutOptions,
  type TubeStatistics,
} from './connection';
import { signJob } from './signature';

export interface Beanstalkd {
  readonly connected: boolean;
  /**
   * Puts a job, signed by this process. Resolves with its id once the server has responded with `INSERTED`.
   *
   * @throws BeanstalkdError when the server is unavailable, times out, or rejects it (`BURIED`: out of memory, `DRAINING`,
   *   `JOB_TOO_BIG`)
   */
  put(tube: string, bytes: Buffer, options: PutOptions): Promise<string>;
  tubeStatistics(tube: string): Promise<TubeStatistics>;
  /** Opens a dedicated, reconnecting connection, as each consumer slot needs: a waiting reserve blocks its connection. */
  openConnection(
    what: string,
    prepare: (connection: BeanstalkdConnection) => Promise<void>,
  ): Reconnecting<BeanstalkdConnection>;
}

/** Beyond this puts are rejected immediately instead of filling memory. */
const MAX_PUTS_IN_FLIGHT = 2_000;

/**
 * Opens beanstalkd. Returns immediately and reconnects for ever; puts are rejected while it is unavailable.
 *
 * @param options.required whether `/readyz` responds with 503 while beanstalkd is unavailable
 */
export function openBeanstalkd(
  runtime: Runtime,
  options: { address: BeanstalkdAddress; required: boolean },
): Beanstalkd {
  const openConnection: Beanstalkd['openConnection'] = (what, prepare) =>
    keepConnected({
      what,
      log: runtime.log,
      async open() {
        const connection = await connectBeanstalkd(options.address);
        try {
          await prepare(connection);
        } catch (failure) {
          connection.close();
          throw failure;
        }
        return { resource: connection, ended: connection.ended };
      },
      close: (connection) => connection.close(),
    });

  const producer = openConnection('beanstalkd', async () => undefined);
  let inFlight = 0;

  function connection(): BeanstalkdConnection {
    if (producer.current === undefined) throw new BeanstalkdError('beanstalkd is not connected');
    return producer.current;
  }

  runtime.dependency({
    name: 'beanstalkd',
    required: options.required,
    check: async () => void (await connection().tubeStatistics('default')),
  });
  runtime.onClose('beanstalkd', () => producer.close());

  return {
    get connected() {
      return producer.current !== undefined;
    },
    async put(tube, bytes, putOptions) {
      if (bytes.length > MAX_MESSAGE_BYTES) throw new BeanstalkdError('the job is too big', 'JOB_TOO_BIG');
      if (inFlight >= MAX_PUTS_IN_FLIGHT)
        throw new BeanstalkdError(`${MAX_PUTS_IN_FLIGHT} puts are already in flight`);
      inFlight++;
      try {
        return await connection().put(tube, signJob(runtime.identity, tube, bytes), putOptions);
      } finally {
        inFlight--;
      }
    },
    tubeStatistics: async (tube) => connection().tubeStatistics(tube),
    openConnection,
  };
}
