import type { Static } from '@sinclair/typebox';
import { envelope, type JobDefinition } from '#contracts/messages';
import { currentTrace } from '../../tracing/context';
import { withSpan } from '../../tracing/spans';
import { publishingSpan } from '../publishing-span';
import type { Beanstalkd } from './client';

/**
 * Puts a job straight into its tube, for work that goes on with what a job began; what must not be lost with the
 * change it follows from goes through the outbox.
 *
 * @returns once beanstalkd has it
 * @throws BeanstalkdError when it is away or refuses
 * @throws InvalidMessage when `data` does not satisfy the definition
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
        priority,
        ttrSeconds,
        delaySeconds: 0,
      });
    },
  );
}
