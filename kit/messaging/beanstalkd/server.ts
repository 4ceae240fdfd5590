import { MAX_MESSAGE_BYTES } from '#contracts/messages';
import type { ServerAddress } from '../../config/hosts';
import { authorityOf } from '../../core/address';
import { keepConnected, type Reconnecting } from '../../core/reconnect';
import type { Runtime } from '../../core/runtime';
import {
  type BeanstalkdConnection,
  BeanstalkdError,
  connectBeanstalkd,
  type PutOptions,
  type TubeStatistics,
} from './connection';
import { signJob } from './signature';

/** One beanstalkd server. It knows nothing of the others. */
export interface BeanstalkdServer {
  /** `host:port` */
  readonly name: string;
  readonly connected: boolean;
  /**
   * Puts a job, signed by this process. Resolves with its id once the server has responded with `INSERTED`.
   *
   * @throws BeanstalkdError when the server is unavailable, times out, or rejects it
   */
  put(tube: string, bytes: Buffer, options: PutOptions): Promise<string>;
  tubeStatistics(tube: string): Promise<TubeStatistics>;
  /** Opens a dedicated, reconnecting connection, as each consumer slot needs: a waiting reserve blocks its connection. */
  openConnection(
    what: string,
    prepare: (connection: BeanstalkdConnection) => Promise<void>,
  ): Reconnecting<BeanstalkdConnection>;
  close(): Promise<void>;
}

/**
 * Connects to a server. Returns immediately and reconnects for ever; commands are rejected while it is unavailable.
 *
 * @param options.timeoutMs how long a command may take, beyond the time a reserve waits; then its connection is closed
 */
export function openServer(
  runtime: Runtime,
  { address, timeoutMs }: { address: ServerAddress; timeoutMs: number },
): BeanstalkdServer {
  const name = authorityOf(address.host, address.port);
  const openConnection: BeanstalkdServer['openConnection'] = (what, prepare) =>
    keepConnected({
      what,
      log: runtime.log,
      async open() {
        const connection = await connectBeanstalkd(address, timeoutMs);
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

  // A server that hangs still accepts connections: the kernel does. It counts as connected once it has responded.
  const producer = openConnection(
    `beanstalkd ${name}`,
    async (connection) => void (await connection.tubeStatistics('default')),
  );

  function connection(): BeanstalkdConnection {
    if (producer.current === undefined) throw new BeanstalkdError(`beanstalkd ${name} is not connected`);
    return producer.current;
  }

  return {
    name,
    get connected() {
      return producer.current !== undefined;
    },
    async put(tube, bytes, options) {
      if (bytes.length > MAX_MESSAGE_BYTES) throw new BeanstalkdError('the job is too big', 'JOB_TOO_BIG');
      return connection().put(tube, signJob(runtime.identity, tube, bytes), options);
    },
    tubeStatistics: async (tube) => connection().tubeStatistics(tube),
    openConnection,
    close: () => producer.close(),
  };
}
