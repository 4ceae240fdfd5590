import { createHash, randomBytes } from 'node:crypto';
import * as auth from '#contracts/events/auth';
import * as billing from '#contracts/events/billing';
import * as likes from '#contracts/events/likes';
import * as mail from '#contracts/events/mail';
import * as media from '#contracts/events/media';
import * as payments from '#contracts/events/payments';
import * as polls from '#contracts/events/polls';
import * as posts from '#contracts/events/posts';
import * as users from '#contracts/events/users';
import type { EventDefinition } from '#contracts/messages';
import {
  consumerQueues,
  RETRY_DELAYS_MS,
  REVOCATIONS_EXCHANGE,
  retryQueues,
} from '#kit/messaging/rabbit/topology';

/** All events of the contracts. */
export const EVENTS: readonly EventDefinition[] = [
  ...[auth, billing, likes, mail, media, payments, polls, posts, users],
].flatMap((contract) => Object.values(contract).filter(isEvent));

/** The processes that consume a queue under another name than their own. */
const CONSUMERS: Readonly<Record<string, string>> = {
  mail: 'mail-worker',
  media: 'media-worker',
  'media-copies': 'media-worker',
  notifications: 'notifications-worker',
  payments: 'payments-worker',
  'mail-records': 'mail',
  'media-records': 'media',
  'notifications-records': 'notifications',
  'payments-records': 'payments',
  'timelines-deletions': 'timelines',
  'timelines-stream': 'timelines',
  'users-avatars': 'users',
};

/** The process that consumes a queue. */
export const consumerOf = (queue: string): string => CONSUMERS[queue] ?? queue;

const VHOST = '/';
const NOTHING = '^$';
/** The names that the broker gives to the exclusive queues in which processes receive revocations. */
const EXCLUSIVE = 'amq\\.gen-.*';
/** Where a consumer publishes retries, and where its queues dead-letter to: each message there names its user. */
const DEFAULT_EXCHANGE = 'amq\\.default';

/** A user of the broker. */
export interface BrokerUser {
  readonly name: string;
  readonly password: string;
}

/**
 * The definitions that RabbitMQ imports at its start: a user for each process with the least rights, and all exchanges,
 * queues and bindings, which therefore no process may declare. A process may publish to its own exchanges, and read its own
 * queues.
 *
 * @param operators users with all rights, for people and tests
 */
export function brokerDefinitions(
  processes: readonly BrokerUser[],
  operators: readonly BrokerUser[],
): object {
  const queues = [...new Set(EVENTS.flatMap(({ consumers }) => consumers))].sort();
  const queue = (declaration: { name: string }) => ({ ...declaration, vhost: VHOST, auto_delete: false });
  return {
    vhosts: [{ name: VHOST }],
    users: [
      ...operators.map((one) => userOf(one, 'administrator')),
      ...processes.map((one) => userOf(one, '')),
    ],
    permissions: [
      ...operators.map(({ name }) => ({
        user: name,
        vhost: VHOST,
        configure: '.*',
        write: '.*',
        read: '.*',
      })),
      ...processes.map(({ name }) => ({ user: name, vhost: VHOST, ...permissionsOf(name) })),
    ],
    topic_permissions: processes.flatMap(({ name }) => topicPermissionsOf(name)),
    exchanges: [...new Set(EVENTS.map(({ exchange }) => exchange)), REVOCATIONS_EXCHANGE].map((name) => ({
      ...{
        name,
        vhost: VHOST,
        type: 'topic',
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: {},
      },
    })),
    queues: queues
      .flatMap((name) => [...consumerQueues(name), ...retryQueues(name, RETRY_DELAYS_MS)])
      .map(queue),
    bindings: [
      ...EVENTS.flatMap(({ exchange, routingKey, consumers }) =>
        consumers.map((queueName) => bindingOf(exchange, routingKey, { queue: queueName })),
      ),
      bindingOf(auth.TokenRevoked.exchange, '#', { exchange: REVOCATIONS_EXCHANGE }),
    ],
  };
}

const bindingOf = (source: string, key: string, to: { queue: string } | { exchange: string }) => ({
  ...{ source, vhost: VHOST, routing_key: key, arguments: {} },
  destination: 'queue' in to ? to.queue : to.exchange,
  destination_type: 'queue' in to ? 'queue' : 'exchange',
});

const queuesOf = (process: string) => [
  ...new Set(EVENTS.flatMap(({ consumers }) => consumers.filter((queue) => consumerOf(queue) === process))),
];

const exchangesOf = (process: string) => [
  ...new Set(EVENTS.flatMap(({ exchange, publishers }) => (publishers.includes(process) ? exchange : []))),
];

/** Regular expressions over the names of exchanges and queues: the broker does not tell one from the other. */
function permissionsOf(process: string) {
  const queues = queuesOf(process);
  const own = queues.map((queue) => `${escaped(queue)}(\\.parked|\\.retry\\.[0-9]+)?`);
  return {
    configure: anyOf([EXCLUSIVE]),
    write: anyOf([
      ...exchangesOf(process).map(escaped),
      ...(queues.length > 0 ? [DEFAULT_EXCHANGE] : []),
      EXCLUSIVE,
    ]),
    read: anyOf([...own, REVOCATIONS_EXCHANGE, EXCLUSIVE]),
  };
}

/** A queue may have the name of another process's exchange, which must not be read or written by its consumer. */
function topicPermissionsOf(process: string) {
  const foreign = EVENTS.flatMap(({ exchange, publishers }) =>
    publishers.includes(process) ? [] : exchange,
  );
  return [...new Set(foreign)]
    .filter((exchange) => queuesOf(process).includes(exchange))
    .map((exchange) => ({ user: process, vhost: VHOST, exchange, write: NOTHING, read: NOTHING }));
}

const anyOf = (names: readonly string[]) => `^(${names.join('|')})$`;
const escaped = (name: string) => name.replaceAll('.', '\\.');

/** RabbitMQ's salted SHA-256: four bytes of salt before the hash. */
function userOf({ name, password }: BrokerUser, tags: string) {
  const salt = randomBytes(4);
  const hash = createHash('sha256').update(salt).update(password).digest();
  return {
    name,
    password_hash: Buffer.concat([salt, hash]).toString('base64'),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags,
  };
}

function isEvent(value: unknown): value is EventDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'event';
}
