import type { Static } from '@sinclair/typebox';
import { envelope, type JobDefinition } from '#contracts/messages';
import { currentTrace } from '../../tracing/context';
import { withSpan } from '../../tracing/spans';
import { publishingSpan } from '../publishing-span';
import type { Beanstalkd } from './client';

/**
 * Puts a job directly into its tube, for workers that split or continue a job. A job that must not be lost with the change
 * that causes it goes through the outbox.
 *
 * @returns once beanstalkd has confirmed it
 * @throws BeanstalkdError when the server is unavailable or rejects it
 * @throws InvalidMessage when `data` does not match its schema
 */
export async function putJob<Definition extends JobDefinition>(
  beanstalkd: Pick<Beanstalkd, 'put'>,
  definition: Definition,
  data: Static<Definition['data']>,
): Promise<void> {
  const { name, tube, priority, ttrSeconds } = definition;
  let messageId = '';
  await withSpan(
    () => publishingSpan({ system: 'beanstalkd', destination: tube, messageId, name, attempt: 1 }),
    async (trace = currentTrace()) => {
      const message = envelope(definition, data, { ...trace, actor: null });
      messageId = message.id;
      await beanstalkd.put(tube, Buffer.from(JSON.stringify(message)), {
        id: message.id,
        priority,
        ttrSeconds,
        delaySeconds: 0,
      });
    },
  );
}
