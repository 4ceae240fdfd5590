import { join } from 'node:path';
import type { EventDefinition, JobDefinition, MessageDefinition } from '#contracts/messages';
import { envelopeSchema } from '#contracts/messages';
import { type Field, fieldsOf } from './describe-schema';

interface Documented {
  readonly definition: MessageDefinition;
  /** The comment above it. */
  readonly comment: string;
}

/** Describes every event and job that is defined in `contracts/`. */
export async function eventsPage(root: string): Promise<string> {
  const documented = await collectDefinitions(root);
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

async function collectDefinitions(root: string): Promise<Documented[]> {
  const files = [...new Bun.Glob('contracts/{events,jobs}/*.ts').scanSync(root)]
    .filter((file) => !file.endsWith('.test.ts'))
    .sort();
  const found: Documented[] = [];
  for (const file of files) {
    const source = await Bun.file(join(root, file)).text();
    const exported: Record<string, unknown> = await import(join(root, file));
    for (const [name, value] of Object.entries(exported))
      if (isDefinition(value)) found.push({ definition: value, comment: commentAbove(source, name) });
  }
  const key = ({ definition }: Documented) => `${definition.name} ${definition.version}`;
  return found.sort((one, other) => key(one).localeCompare(key(other)));
}

const isDefinition = (value: unknown): value is MessageDefinition =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  (value.kind === 'event' || value.kind === 'job');

function commentAbove(source: string, name: string): string {
  const comment =
    new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export const ${name}\\b`).exec(source)?.[1] ?? '';
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
    .join(' ')
    .trim();
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
