import { join } from 'node:path';
import type { JobDefinition } from '#contracts/messages';
import { readEnv } from '#kit/config/environment';
import { amqpFields, beanstalkdFields } from '#kit/config/fields';
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
  readonly amqpUrl: string;
  readonly beanstalkd: { readonly host: string; readonly port: number };
}

/** Lists the parked messages of every consumer and tube in `contracts/`, and of `others`. */
export async function listParked(brokers: Brokers, others: readonly string[] = []): Promise<ParkedQueue[]> {
  const { consumers, tubes } = await knownQueues();
  const [events, jobs] = await Promise.all([
    listParkedEvents(brokers.amqpUrl, [...new Set([...consumers, ...others])]),
    listParkedJobs(brokers.beanstalkd, [...tubes.keys()]),
  ]);
  return [...events, ...jobs];
}

/** Replays the parked messages of a queue. @returns how many messages were moved back */
export async function replayParked(brokers: Brokers, queue: string): Promise<number> {
  const job = (await knownQueues()).tubes.get(queue);
  return job === undefined ? replayEvents(brokers.amqpUrl, queue) : replayJobs(brokers.beanstalkd, job);
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
  const brokers = {
    amqpUrl: env.AMQP_URL,
    beanstalkd: { host: env.BEANSTALKD_HOST, port: env.BEANSTALKD_PORT },
  };
  if (command === 'list') {
    const parked = await listParked(brokers, queue === undefined ? [] : [queue]);
    const services = servicesWithDatabase().map(({ name }) => ({ name, address: databaseOf(name, source) }));
    show([...parked, ...(await listRefusedRows(services))]);
    return 0;
  }
  if (command !== 'replay' || queue === undefined) {
    console.error('Pass the name of a queue (`make parked` lists them), for example: make replay q=mail');
    return 2;
  }
  console.log(`Replayed ${await replayParked(brokers, queue)} messages of ${queue}`);
  return 0;
}

if (import.meta.main)
  process.exitCode = await main(process.argv.slice(2)).catch((failure: unknown) => {
    console.error(
      `${failure instanceof Error ? failure.message : failure}. Check that the system is running (make up).`,
    );
    return 1;
  });
