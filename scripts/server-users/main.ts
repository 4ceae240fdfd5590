import { renameSync, writeFileSync } from 'node:fs';
import { isUserServer, serverUsers } from './users';

/**
 * For operators: `server-users rabbitmq` prints definitions for `rabbitmqctl import_definitions` or `load_definitions`,
 * `server-users redis` an access list for `aclfile`. A second argument names a file to write them to instead.
 */
const [server = '', file] = process.argv.slice(2);
if (!isUserServer(server)) {
  console.error('Name a server: server-users rabbitmq, or server-users redis');
  process.exit(64);
}
try {
  const users = serverUsers(server, process.env);
  if (file === undefined) process.stdout.write(users);
  else {
    // A server that starts at this moment reads all or nothing of it.
    writeFileSync(`${file}.new`, users);
    renameSync(`${file}.new`, file);
  }
} catch (failure) {
  console.error(failure instanceof Error ? failure.message : failure);
  process.exitCode = 78;
}
