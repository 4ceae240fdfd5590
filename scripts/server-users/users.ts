import { refuseWellKnown } from '#kit/config/secrets';
import { OPERATOR } from '#kit/messaging/rabbit/publisher-check';
import { type BrokerUser, brokerDefinitions } from '../../infra/broker-definitions';
import { redisUsers } from '../../infra/redis-users';
import processesOf from './processes.json';

/** Servers at which each process has a user of its own, and the variable that holds the operator's password. */
const SERVERS = { rabbitmq: 'AMQP_PASSWORD', redis: 'REDIS_PASSWORD' } as const;
export type UserServer = keyof typeof SERVERS;

export const isUserServer = (name: string): name is UserServer => Object.hasOwn(SERVERS, name);

/**
 * The users of a server in production, as it imports them: one for each process that connects to it, with the password in
 * `<PROCESS>_AMQP_PASSWORD` or `<PROCESS>_REDIS_PASSWORD`, and the operator `rookery` with that in `AMQP_PASSWORD` or
 * `REDIS_PASSWORD`. They contain hashes of the passwords only.
 *
 * @returns definitions of RabbitMQ, or the access list of Redis
 * @throws when a password is missing, short or well known, with the names of all such variables
 */
export function serverUsers(server: UserServer, source: NodeJS.ProcessEnv): string {
  const { processes, operator } = usersOf(server, source);
  return server === 'rabbitmq'
    ? `${JSON.stringify(brokerDefinitions(processes, [operator]), null, 2)}\n`
    : redisUsers(processes, operator, source.REGISTRY_GROUP || undefined);
}

function usersOf(server: UserServer, source: NodeJS.ProcessEnv) {
  const problems: string[] = [];
  const userOf = (name: string, variable: string): BrokerUser => {
    const password = source[variable] ?? '';
    if (password.length < 16 || refuseWellKnown(password) !== undefined) problems.push(variable);
    return { name, password };
  };
  const variable = SERVERS[server];
  const processes = processesOf[server].map((name) =>
    userOf(name, `${name.toUpperCase().replaceAll('-', '_')}_${variable}`),
  );
  const operator = userOf(OPERATOR, variable);
  if (problems.length > 0)
    throw new Error(`Set a random password of at least 16 characters in ${problems.join(', ')}`);
  return { processes, operator };
}
