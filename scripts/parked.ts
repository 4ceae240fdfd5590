import { join } from 'node:path';
import type { JobDefinition } from '#contracts/messages';
import { readEnv } from '#kit/config/environment';
import { amqpFields, beanstalkdAddresses, beanstalkdFields } from '#kit/config/fields';
import type { ServerAddress } from '#kit/config/hosts';
import { readState } from '../infra/state';
import { databaseOf, servicesWithDatabase } from './databases';
import { findDefinitions } from './docs/message-definitions';
import { listParkedJobs, replayJobs } from './parked/beanstalkd';
import { listRefusedRows } from './parked/outboxes';
import type { ParkedQueue } from './parked/parked-message';
import { listParkedEvents, replayEvents } from './parked/rabbit';

const ROOT = join(import.meta.dir, '..');

/** The addresses of the brokers. */
export interface Brokers {
  /** Of the nodes of one RabbitMQ. */
  readonly amqpUrls: readonly string[];
  readonly beanstalkd: readonly ServerAddress[];
}

export interface Parked {
  readonly queues: readonly ParkedQueue[];
  /** The beanstalkd servers that do not respond: what is parked there is not listed. */
  readonly unavailable: readonly string[];
}

/** Lists the parked messages of every consumer and tube in `contracts/`, and of `others`. */
export async function listParked(brokers: Brokers, others: readonly string[] = []): Promise<Parked> {
  const { consumers, tubes } = await knownQueues();
  const [events, jobs] = await Promise.all([
    listParkedEvents(brokers.amqpUrls, [...new Set([...consumers, ...others])]),
    listParkedJobs(brokers.beanstalkd, [...tubes.keys()]),
  ]);
  return { queues: [...events, ...jobs.results], unavailable: jobs.unavailable };
}

/** Replays the parked messages of a queue. @returns how many messages were moved back, and the servers that do not respond */
export async function replayParked(
  brokers: Brokers,
  queue: string,
): Promise<{ moved: number; unavailable: readonly string[] }> {
  const job = (await knownQueues()).tubes.get(queue);
  if (job === undefined) return { moved: await replayEvents(brokers.amqpUrls, queue), unavailable: [] };
  const { results, unavailable } = await replayJobs(brokers.beanstalkd, job);
  return { moved: results.reduce((sum, moved) => sum + moved, 0), unavailable };
}

async function knownQueues() {
  const definitions = (await findDefinitions(ROOT)).map(({ definition }) => definition);
  const consumers = new Set<string>();
  const tubes = new Map<string, JobDefinition>();
  for (const definition of definitions) {
    if (definition.kind === 'job') tubes.set(definition.tube, definition);
    else for (const consumer of definition.consumers) consumers.add(consumer);
  }
  return { consumers: [...consumers].sort(), tubes };
}

function warn(unavailable: readonly string[]): void {
  for (const server of unavailable)
    console.error(`beanstalkd ${server} does not respond; its jobs are not included`);
}

function show(queues: readonly ParkedQueue[]): void {
  if (queues.length === 0) console.log('No messages are parked.');
  for (const { name, broker, count, shown, note } of queues) {
    console.log(`${name} (${broker}): ${count}`);
    for (const message of shown)
      console.log(
        `  ${message.parkedAt ?? 'unknown time'}  ${message.name} ${message.id}: ${message.reason}`,
      );
    if (count > shown.length) console.log(`  … and ${count - shown.length} more`);
    if (note !== undefined) console.log(`  ${note}`);
  }
  const replayable = queues.find(({ broker }) => broker !== 'outbox');
  if (replayable !== undefined) console.log(`Replay them: make replay q=${replayable.name}`);
}

async function main([command, queue]: string[]): Promise<number> {
  const source = { ...readState()?.environment, ...process.env };
  const env = readEnv({ ...amqpFields, ...beanstalkdFields }, source);
  const brokers = { amqpUrls: env.AMQP_URL, beanstalkd: beanstalkdAddresses(env) };
  if (command === 'list') {
    const parked = await listParked(brokers, queue === undefined ? [] : [queue]);
    const services = servicesWithDatabase().map(({ name }) => ({ name, address: databaseOf(name, source) }));
    show([...parked.queues, ...(await listRefusedRows(services))]);
    warn(parked.unavailable);
    return 0;
  }
  if (command !== 'replay' || queue === undefined) {
    console.error('Pass the name of a queue (`make parked` lists them), for example: make replay q=mail');
    return 2;
  }
  const { moved, unavailable } = await replayParked(brokers, queue);
  console.log(`Replayed ${moved} messages of ${queue}`);
  warn(unavailable);
  return 0;
}

if (import.meta.main)
  process.exitCode = await main(process.argv.slice(2)).catch((failure: unknown) => {
    console.error(
      `${failure instanceof Error ? failure.message : failure}. Check that the system is running (make up).`,
    );
    return 1;
  });
