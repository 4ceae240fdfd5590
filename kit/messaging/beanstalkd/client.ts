import { MAXIMUM_MESSAGE_BYTES } from '#contracts/messages';
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

export interface Beanstalkd {
  readonly connected: boolean;
  /**
   * Puts one job. Resolves with its id only when the server has answered `INSERTED`.
   *
   * @throws BeanstalkdError when it is away, refuses (`BURIED`: out of memory, `DRAINING`, `JOB_TOO_BIG`), or is late
   */
  put(tube: string, bytes: Buffer, options: PutOptions): Promise<string>;
  tubeStatistics(tube: string): Promise<TubeStatistics>;
  /** A further connection kept open, as each slot of a consumer needs: a waiting reserve blocks its connection. */
  openConnection(
    what: string,
    prepare: (connection: BeanstalkdConnection) => Promise<void>,
  ): Reconnecting<BeanstalkdConnection>;
}

/** Puts that may wait for their answers; beyond it they are refused at once instead of filling memory. */
const PUTS_IN_FLIGHT = 2_000;

/**
 * Opens beanstalkd for putting jobs. Returns at once and connects for ever; while it is away, putting is refused.
 *
 * @param required whether `/readyz` answers 503 while beanstalkd is away
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
      if (bytes.length > MAXIMUM_MESSAGE_BYTES)
        throw new BeanstalkdError('the job is too big', 'JOB_TOO_BIG');
      if (inFlight >= PUTS_IN_FLIGHT) throw new BeanstalkdError(`${PUTS_IN_FLIGHT} puts are already waiting`);
      inFlight++;
      try {
        return await connection().put(tube, bytes, putOptions);
      } finally {
        inFlight--;
      }
    },
    tubeStatistics: async (tube) => connection().tubeStatistics(tube),
    openConnection,
  };
}
