import { afterAll, expect, test } from 'bun:test';
import { connect } from 'amqplib';
import { amqpUrl, testRuntime, uniqueName } from '../../../tests/support/servers';
import { openRabbit } from './client';
import { PublishRefused } from './publisher';
import { consumerQueues, RETRY_DELAYS_MS, retryQueues } from './topology';

const runtime = testRuntime('topology-test');
afterAll(() => runtime.close());

/**
 * The arguments of a queue cannot be changed after it was declared: RabbitMQ refuses a declaration with others (406), and the
 * import of definitions ignores it. So these never change; a limit that must becomes a policy of the broker, and a queue of
 * another kind gets another name. The size of a quorum queue is no argument: RabbitMQ's default is three of the nodes that run.
 */
test('the arguments of queues are those of all earlier versions', () => {
  const deadLetter = {
    'x-dead-letter-exchange': '',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
  expect(consumerQueues('mail')).toEqual([
    { name: 'mail.parked', durable: true, arguments: { 'x-queue-type': 'quorum' } },
    {
      name: 'mail',
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': 20,
        'x-dead-letter-routing-key': 'mail.parked',
        ...deadLetter,
      },
    },
  ]);
  expect(retryQueues('mail', RETRY_DELAYS_MS)).toEqual(
    [1_000, 5_000, 30_000, 120_000, 600_000].map((delayMs) => ({
      name: `mail.retry.${delayMs}`,
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-message-ttl': delayMs,
        'x-dead-letter-routing-key': 'mail',
        ...deadLetter,
      },
    })),
  );
});

test('a classic queue of the same name refuses its events, with the reason, until it has been replaced', async () => {
  const consumer = uniqueName('classic');
  const event = {
    exchange: uniqueName('topology-test'),
    routingKey: 'thing.happened',
    consumers: [consumer],
  };
  const rabbit = openRabbit(runtime, { urls: [amqpUrl()], required: true });
  const channel = rabbit.openChannel('test', async () => undefined);
  await channel.opened();
  const message = { id: Bun.randomUUIDv7(), body: Buffer.from('{}') };
  const connection = await connect(amqpUrl());
  const operator = await connection.createChannel();
  await operator.assertQueue(consumer, { durable: true });
  const failure = await rabbit.publish(event, message).catch((reason: unknown) => reason);
  expect(failure).toBeInstanceOf(PublishRefused);
  expect(String(failure)).toContain('inequivalent arg');
  await operator.deleteQueue(consumer);
  await rabbit.publish(event, message);
  await connection.close();
  await channel.close();
});
