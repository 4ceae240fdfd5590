import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Identity, keptPassword } from './identities';
import { probeTcp } from './probes';
import { systemProgram } from './programs';
import { defineServer, type Profile } from './server';

const SERVICES = join(import.meta.dir, '..', 'services');
/** The user of those who look after the databases, and of their commands: `make db-users`, `make audit`. */
const USER = 'rookery';
/** What the tests of this repository connect as. */
const TEST_PASSWORD = 'rookery-development';

export const mariadb = defineServer({
  name: 'mariadb',
  replacedBy: ['DB_HOST'],
  ports: { mariadb: 13306 },
  async plan({ folder, profile, identities, ports }) {
    const data = join(folder, 'data');
    const temporary = temporaryFolder(folder);
    await installDatabase(folder, data);
    const operator = operatorOf(folder, profile);
    const accounts = join(folder, 'accounts.sql');
    writeFileSync(accounts, accountsOf(operator, profile, identities), { mode: 0o600 });
    return {
      commands: [
        {
          program: systemProgram('mariadbd', 'mariadb-server'),
          args: [
            '--no-defaults',
            ...mariadbOptions({ data, host: '127.0.0.1', port: ports.mariadb }, profile),
            `--init-file=${accounts}`,
          ],
          environment: temporary,
        },
      ],
      // The server sends its handshake only after it has run the init file.
      ready: async () => (await probeTcp(ports.mariadb)) !== undefined,
      environment: {
        DB_HOST: '127.0.0.1',
        DB_PORT: String(ports.mariadb),
        DB_USER: operator.name,
        DB_PASSWORD: operator.password,
      },
    };
  },
});

/** Whoever looks after the databases: the password is kept in `folder`. */
export const operatorOf = (folder: string, profile: Profile) => ({
  name: USER,
  password: profile === 'test' ? TEST_PASSWORD : keptPassword(join(folder, 'operator')),
});

/** A folder of its own: in the system's folder for temporary files the names of two servers can collide. */
export function temporaryFolder(folder: string): { readonly TMPDIR: string } {
  const temporary = { TMPDIR: join(folder, 'temporary') };
  mkdirSync(temporary.TMPDIR, { recursive: true });
  return temporary;
}

/** The options of a server on which the databases of Rookery are, whether it is alone or a node of a cluster. */
export const mariadbOptions = (
  server: { readonly data: string; readonly host: string; readonly port: number },
  profile: Profile,
): readonly string[] => [
  ...asRoot(),
  `--datadir=${server.data}`,
  // Relative to the data folder: a socket path is limited to 107 characters.
  ...['--socket=mariadb.sock', '--pid-file=mariadb.pid'],
  ...[`--bind-address=${server.host}`, `--port=${server.port}`, '--skip-name-resolve'],
  ...['--character-set-server=utf8mb4', '--collation-server=utf8mb4_unicode_520_ci'],
  '--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY',
  ...['--default-time-zone=+00:00', '--max-connections=300', '--performance-schema=off'],
  ...TUNING[profile],
];

/** The statements that create the users of the databases, at each start. */
export const accountsOf = (
  operator: { readonly name: string; readonly password: string },
  profile: Profile,
  identities: readonly Identity[],
): string =>
  [
    ...accountOf(operator.name, operator.password),
    ...rightsOfOperator(profile),
    ...identities.filter(({ name }) => hasDatabase(name)).flatMap(accountOfProcess),
    '',
  ].join('\n');

/** Each time with the password of now: the data may be older. */
const accountOf = (name: string, password: string) => [
  `CREATE USER IF NOT EXISTS '${name}'@'%';`,
  `ALTER USER '${name}'@'%' IDENTIFIED BY '${password}';`,
];

/**
 * The databases of Rookery, and neither users nor rights: those are created here, by the server itself. An operator of the
 * version before had all rights. Tests create databases and users of their own.
 */
const rightsOfOperator = (profile: Profile) =>
  profile === 'test'
    ? [`GRANT ALL ON *.* TO '${USER}'@'%' WITH GRANT OPTION;`]
    : [
        `REVOKE ALL PRIVILEGES, GRANT OPTION FROM '${USER}'@'%';`,
        ...['microblog', 'rookery'].map((prefix) => `GRANT ALL ON \`${prefix}\\_%\`.* TO '${USER}'@'%';`),
      ];

const hasDatabase = (process: string) => existsSync(join(SERVICES, process, 'migrations'));

/** All rights in its own database, which it creates and migrates itself, and none in any other. */
const accountOfProcess = ({ name, password }: Identity) => [
  ...accountOf(name, password),
  // In a grant, an underscore stands for any character.
  `GRANT ALL ON \`${databaseNameOf(name).replaceAll('_', '\\_')}\`.* TO '${name}'@'%';`,
];

/** Two databases have fixed names that other tools of their users know; the rest are named after Rookery. */
const databaseNameOf = (service: string) =>
  `${['users', 'timelines'].includes(service) ? 'microblog' : 'rookery'}_${service.replaceAll('-', '_')}`;

/** MariaDB refuses to run as root unless asked to. */
const asRoot = () => (process.getuid?.() === 0 ? ['--user=root'] : []);

/**
 * Test data survives a crash of the process, not of the machine, and its files start small. The compact one keeps a small
 * part of its data in memory: caches are for tables that are read again and again.
 */
const TUNING: Readonly<Record<Profile, readonly string[]>> = {
  development: ['--innodb-buffer-pool-size=128M'],
  compact: [
    ...['--innodb-buffer-pool-size=24M', '--innodb-log-buffer-size=2M', '--innodb-log-file-size=32M'],
    ...['--key-buffer-size=64K', '--aria-pagecache-buffer-size=1M', '--query-cache-size=0'],
    // Thirteen services with up to thirty tables, each open in few connections at once.
    ...['--table-open-cache=200', '--table-definition-cache=400', '--table-open-cache-instances=1'],
    ...['--innodb-read-io-threads=1', '--innodb-write-io-threads=1', '--innodb-purge-threads=1'],
    ...['--thread-cache-size=4', '--binlog-cache-size=4K', '--host-cache-size=0'],
  ],
  test: ['--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=32M'],
};

/** Installs beside the final folder and renames at the end, so that an interrupted installation leaves no partial data. */
export async function installDatabase(folder: string, data: string): Promise<void> {
  if (existsSync(data)) return;
  const unfinished = join(folder, 'unfinished');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  const install = Bun.spawn(
    [
      systemProgram('mariadb-install-db', 'mariadb-server'),
      '--no-defaults',
      `--datadir=${unfinished}`,
      ...asRoot(),
      ...['--auth-root-authentication-method=socket', '--skip-test-db', '--skip-name-resolve'],
    ],
    { env: { ...process.env, ...temporaryFolder(folder) }, stdout: 'pipe', stderr: 'pipe' },
  );
  const [output, failure] = await Promise.all([
    new Response(install.stdout).text(),
    new Response(install.stderr).text(),
    install.exited,
  ]);
  if (install.exitCode !== 0) throw new Error(`mariadb-install-db failed:\n${output}${failure}`);
  renameSync(unfinished, data);
}
