import {
  type EventDefinition,
  envelopeSchema,
  type JobDefinition,
  type MessageDefinition,
} from '#contracts/messages';
import { findDefinitions } from '../message-definitions';
import { type Field, fieldsOf } from './describe-schema';

/** Describes every event and job that is defined in `contracts/`. */
export async function eventsPage(root: string): Promise<string> {
  const documented = await findDefinitions(root);
  const events = documented.flatMap(({ definition, comment }) =>
    definition.kind === 'event' ? [eventSection(definition, comment)] : [],
  );
  const jobs = documented.flatMap(({ definition, comment }) =>
    definition.kind === 'job' ? [jobSection(definition, comment)] : [],
  );
  const [anyMessage] = documented;
  if (anyMessage === undefined) throw new Error('contracts/ defines no message: is this the right folder?');
  const envelope = fieldsOf(envelopeSchema(anyMessage.definition)).filter(
    ({ path }) => !path.startsWith('data.') && !['name', 'version'].includes(path),
  );
  return `# Events and jobs

Made from \`contracts/\` by \`make docs\`; changes belong there. Every message is at most 1 MiB of JSON and comes at least once, so
that whoever takes it in has to be ready for repeats. Unknown fields are left alone: they are additions of a newer publisher.

Besides \`name\` and \`version\` each has these fields, and what is listed below as its \`data\`:

${fieldTable(envelope)}

## Events on RabbitMQ

Facts, on durable topic exchanges. The queues of the consumers named are declared by whoever publishes; others may bind too.

${events.join('\n\n')}

## Jobs on beanstalkd

Work for one worker. After the last attempt a job is parked in \`<tube>.parked\` with its reason.

${jobs.join('\n\n')}
`;
}

function eventSection(event: EventDefinition, comment: string): string {
  const consumers = event.consumers.length === 0 ? 'whoever binds' : event.consumers.map(code).join(', ');
  return section(event, comment, [
    ['exchange', code(event.exchange)],
    ['routing key', code(event.routingKey)],
    ['consumers', consumers],
  ]);
}

const jobSection = (job: JobDefinition, comment: string): string =>
  section(job, comment, [
    ['tube', code(job.tube)],
    ['time to run', `${job.ttrSeconds} s`],
    ['attempts', String(job.maxAttempts)],
    ['priority', String(job.priority)],
  ]);

function section(definition: MessageDefinition, comment: string, facts: readonly [string, string][]): string {
  return [
    `### ${definition.name}, version ${definition.version}`,
    ...(comment === '' ? [] : [comment]),
    facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    fieldTable(fieldsOf(definition.data)),
  ].join('\n\n');
}

const fieldTable = (fields: readonly Field[]): string =>
  [
    '| field | type | |',
    '| --- | --- | --- |',
    ...fields.map(
      ({ path, type, required }) => `| \`${path}\` | ${cell(type)} | ${required ? '' : 'optional'} |`,
    ),
  ].join('\n');

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|');
