import type { OutboxRow } from './outbox-claim';
import type { SpanEnd } from './spans';

/**
 * What a span tells of a message that is sent to its broker.
 *
 * @param attempts failed ones before this
 */
export function publishingSpan({
  headers,
  messageId,
  name,
  attempts,
}: Pick<OutboxRow, 'headers' | 'messageId' | 'name' | 'attempts'>): SpanEnd {
  const isJob = 'tube' in headers;
  const destination = isJob ? headers.tube : headers.exchange;
  return {
    name: `publish ${destination}`,
    kind: 'producer',
    attributes: {
      'messaging.system.name': isJob ? 'beanstalkd' : 'rabbitmq',
      'messaging.destination.name': destination,
      'messaging.operation.type': 'send',
      'messaging.operation.name': isJob ? 'put' : 'publish',
      'messaging.message.id': messageId,
      ...(!isJob && { 'messaging.rabbitmq.destination.routing_key': headers.routing_key }),
      'rookery.message.name': name,
      'rookery.attempt': attempts + 1,
    },
  };
}
