import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuseWellKnown } from '#kit/config/secrets';
import { OPERATOR } from '#kit/messaging/rabbit/publisher-check';
import { type BrokerUser, brokerDefinitions } from '../../infra/broker-definitions';
import { deployedProcesses, prefixOf } from './processes';

const ROOT = join(import.meta.dir, '..', '..');

/**
 * The users of RabbitMQ in production: one for each process that connects to it, with the password in
 * `<PROCESS>_AMQP_PASSWORD`, and the operator `rookery` with that in `AMQP_PASSWORD`.
 *
 * @throws when a password is missing or well known
 */
export function brokerUsers(source: NodeJS.ProcessEnv): { processes: BrokerUser[]; operators: BrokerUser[] } {
  const problems: string[] = [];
  const userOf = (name: string, variable: string) => {
    const password = source[variable] ?? '';
    if (password.length < 16 || refuseWellKnown(password) !== undefined) problems.push(variable);
    return { name, password };
  };
  const connecting = deployedProcesses(readFileSync(join(ROOT, 'Procfile'), 'utf8')).filter(({ variables }) =>
    variables.includes('AMQP_URL'),
  );
  const processes = connecting.map((process) => userOf(process.name, `${prefixOf(process)}_AMQP_PASSWORD`));
  const operators = [userOf(OPERATOR, 'AMQP_PASSWORD')];
  if (problems.length > 0)
    throw new Error(`Set a random password of at least 16 characters in ${problems.join(', ')}`);
  return { processes, operators };
}

// For `rabbitmqctl import_definitions`, or `load_definitions` in rabbitmq.conf.
if (import.meta.main) {
  try {
    const { processes, operators } = brokerUsers(process.env);
    console.log(JSON.stringify(brokerDefinitions(processes, operators), null, 2));
  } catch (failure) {
    console.error(failure instanceof Error ? failure.message : failure);
    process.exitCode = 78;
  }
}
