import { systemProgram } from '../infra/programs';
import { readState } from '../infra/state';
import { databaseOf } from './databases';

/** Opens a SQL shell in one service's database: `bun scripts/database-shell.ts users`. */
const [service = ''] = process.argv.slice(2);
if (!/^[a-z][a-z0-9-]*$/.test(service)) {
  console.error('Pass the name of a service, for example: make db-users');
  process.exit(2);
}
const address = databaseOf(service, { ...readState()?.environment, ...process.env });
const shell = Bun.spawnSync(
  [
    systemProgram('mariadb', 'mariadb-client'),
    ...['--protocol=tcp', `--host=${address.host}`, `--port=${address.port}`, `--user=${address.user}`],
    address.database,
  ],
  // Passed in the environment: arguments are visible to every user of the machine.
  { env: { ...process.env, MYSQL_PWD: address.password }, stdio: ['inherit', 'inherit', 'inherit'] },
);
process.exitCode = shell.exitCode;
