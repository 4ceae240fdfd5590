import { type ChannelModel, connect } from 'amqplib';
import { brokerCredentials } from '#kit/messaging/rabbit/connection';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects to the first node of RabbitMQ that responds. What ends the connection is reported by the calls on it.
 *
 * @param urls AMQP_URL: one node, or those of a cluster
 * @throws the failure of the last node when none does
 */
export async function connectToAny(
  urls: readonly string[],
): Promise<{ connection: ChannelModel; url: string }> {
  let failure: unknown = new Error('AMQP_URL names no server');
  for (const url of urls)
    try {
      const options = { timeout: CONNECT_TIMEOUT_MS, ...brokerCredentials(url) };
      const connection: ChannelModel = await connect(url, options);
      connection.on('error', () => undefined);
      return { connection, url };
    } catch (reason) {
      failure = reason;
    }
  throw failure;
}
