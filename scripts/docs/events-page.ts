import {
  type EventDefinition,
  envelopeSchema,
  type JobDefinition,
  type MessageDefinition,
} from '#contracts/messages';
import { type Field, fieldsOf } from './describe-schema';
import { findDefinitions } from './message-definitions';

/** The page of all events and jobs defined in `contracts/`. */
export async function eventsPage(root: string): Promise<string> {
  const documented = await findDefinitions(root);
  const events = documented.flatMap(({ definition, comment }) =>
    definition.kind === 'event' ? [eventSection(definition, comment)] : [],
  );
  const jobs = documented.flatMap(({ definition, comment }) =>
    definition.kind === 'job' ? [jobSection(definition, comment)] : [],
  );
  const [anyMessage] = documented;
  if (anyMessage === undefined)
    throw new Error('No message definitions found in contracts/: check the root folder');
  const envelope = fieldsOf(envelopeSchema(anyMessage.definition)).filter(
    ({ path }) => !path.startsWith('data.') && !['name', 'version'].includes(path),
  );
  return `# Events and jobs

Generated from \`contracts/\` by \`make docs\`; do not edit. A message is at most 1 MiB of JSON. Delivery is at least once, so consumers
must be idempotent. Consumers ignore unknown fields, which newer publishers may add.

## Envelope

Every message has \`name\`, \`version\` and these fields. The sections below list the fields of \`data\`.

${fieldTable(envelope)}

## Events on RabbitMQ

Events are published to durable topic exchanges. The publisher declares the queues of the listed consumers; other consumers may bind
their own.

${events.join('\n\n')}

## Jobs on beanstalkd

A job is processed by one worker. After the last attempt it is parked in \`<tube>.parked\` with its reason.

${jobs.join('\n\n')}
`;
}

const PERSONAL: [string, string] = [
  'Personal',
  'removed from what is parked once a person it names has been erased',
];

function eventSection(event: EventDefinition, comment: string): string {
  const consumers = event.consumers.length === 0 ? 'none declared' : event.consumers.map(code).join(', ');
  return section(event, comment, [
    ['Exchange', code(event.exchange)],
    ['Routing key', code(event.routingKey)],
    ['Consumers', consumers],
    ...(event.personal ? [PERSONAL] : []),
  ]);
}

const jobSection = (job: JobDefinition, comment: string): string =>
  section(job, comment, [
    ['Tube', code(job.tube)],
    ['Time to run', `${job.ttrSeconds} s`],
    ['Attempts', String(job.maxAttempts)],
    ['Priority', String(job.priority)],
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
    '| Field | Type | |',
    '| --- | --- | --- |',
    ...fields.map(
      ({ path, type, required }) => `| \`${path}\` | ${cell(type)} | ${required ? '' : 'optional'} |`,
    ),
  ].join('\n');

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|');
