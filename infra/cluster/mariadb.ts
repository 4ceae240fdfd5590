import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { authorityOf } from '#kit/core/address';
import { accountsOf, installDatabase, mariadbOptions, operatorOf, temporaryFolder } from '../mariadb';
import { until } from '../processes';
import { systemProgram } from '../programs';
import type { Plan, RunningServer } from '../server';
import { defineFamily, type FamilyContext, type PlannedNode } from './family';
import { type GaleraPosition, mostAdvanced, parsePosition } from './galera-position';
import type { Network } from './network';

const PORTS = { mariadb: 13306, replication: 14567, incremental: 14568, stateTransfer: 14444 };
const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const CONNECT_TIMEOUT_MS = 2_000;
/** InnoDB recovers from a crash meanwhile. */
const RECOVERY_MS = 120_000;
const EXIT_MS = 5_000;

/** Three nodes of MariaDB with Galera: what one has committed, all have certified. */
export const galera = (network: Network) =>
  defineFamily('mariadb', network, {
    replacedBy: ['DB_HOST'],
    async plan(context) {
      const { folder, profile, identities, nodes } = context;
      const ports = await choosePorts(context);
      if (!existsSync(PROVIDER)) throw new Error('Galera is missing: run `sh infra/install.sh cluster`');
      const operator = operatorOf(folder, profile);
      const accounts = join(folder, 'accounts.sql');
      const statements = accountsOf(operator, profile, identities);
      writeFileSync(accounts, `${statements}${stateTransferUser()}`, { mode: 0o600 });
      /** The node that forms the cluster anew while it starts. */
      let founder: string | undefined;
      const galeraNodes = nodes.map((node) => ({ node, options: prepareNode(node, ports, context) }));
      const plans = galeraNodes.map(({ node, options }): Plan => {
        const temporary = temporaryFolder(node.folder);
        return {
          commands: [
            {
              program: systemProgram('mariadbd', 'mariadb-server'),
              args: [`--defaults-file=${options}`],
              environment: temporary,
            },
          ],
          async argsAtStart() {
            if (founder === node.name) return ['--wsrep-new-cluster', `--init-file=${accounts}`];
            const position = await positionOf(node, options);
            // Known to be complete up to there, the node asks for what it lacks only.
            return position === undefined ? [] : [`--wsrep-start-position=${position.text}`];
          },
          ready: () => isSynced({ host: node.host, port: ports.mariadb, ...operator }),
        };
      });
      return {
        plans,
        async form(running) {
          const first = await prepareFounder(galeraNodes);
          founder = first;
          await serverNamed(running, first).restart();
          founder = undefined;
          // One after the other: a donor serves one node at a time.
          for (const other of running.filter(({ name }) => name !== first)) await other.restart();
        },
        environment: {
          DB_HOST: nodes.map(({ host }) => host).join(','),
          DB_PORT: String(ports.mariadb),
          DB_USER: operator.name,
          DB_PASSWORD: operator.password,
        },
      };
    },
  });

function serverNamed(servers: readonly RunningServer[], name: string): RunningServer {
  const server = servers.find((each) => each.name === name);
  if (server === undefined) throw new Error(`The cluster has no node ${name}`);
  return server;
}

type Ports = Readonly<Record<keyof typeof PORTS, number>>;

async function choosePorts({ choosePort }: FamilyContext): Promise<Ports> {
  return {
    mariadb: await choosePort(PORTS.mariadb),
    replication: await choosePort(PORTS.replication),
    incremental: await choosePort(PORTS.incremental),
    stateTransfer: await choosePort(PORTS.stateTransfer),
  };
}

const dataOf = (node: PlannedNode) => join(node.folder, 'data');

/**
 * The options are in a file, and that is the only one: the scripts that transfer the state read them there, and otherwise
 * in the configuration of the machine.
 */
function prepareNode(node: PlannedNode, ports: Ports, { profile, nodes }: FamilyContext): string {
  mkdirSync(dataOf(node), { recursive: true });
  const { host } = node;
  const provider = {
    'gmcast.listen_addr': `tcp://${authorityOf(host, ports.replication)}`,
    'ist.recv_addr': authorityOf(host, ports.incremental),
    // What a node that was away may have missed without a transfer of everything.
    'gcache.size': '64M',
    // All nodes that were killed at once find each other again.
    'pc.recovery': 'true',
  };
  const options = [
    ...mariadbOptions({ data: dataOf(node), host, port: ports.mariadb }, profile),
    // Each process of both machines has connections of its own.
    '--max-connections=800',
    ...['--binlog-format=ROW', '--innodb-autoinc-lock-mode=2'],
    // Rows are replicated, not statements: a migration may create a trigger.
    '--log-bin-trust-function-creators=ON',
    // A killed node loses nothing; after a power loss the other nodes have it.
    '--innodb-flush-log-at-trx-commit=2',
    ...['--wsrep-on=ON', `--wsrep-provider=${PROVIDER}`, '--wsrep-cluster-name=rookery'],
    `--wsrep-cluster-address=gcomm://${nodes.map((each) => `${authorityOf(each.host, ports.replication)}`).join(',')}`,
    ...[`--wsrep-node-name=${node.name}`, `--wsrep-node-address=${host}`],
    `--wsrep-node-incoming-address=${authorityOf(host, ports.mariadb)}`,
    // Without locking the donor, unlike rsync.
    ...['--wsrep-sst-method=mariabackup', `--wsrep-sst-auth=${systemUser()}:`],
    `--wsrep-sst-receive-address=${authorityOf(host, ports.stateTransfer)}`,
    `--wsrep-provider-options=${Object.entries(provider)
      .map(([name, value]) => `${name}=${value}`)
      .join(';')}`,
  ];
  const file = join(node.folder, 'node.cnf');
  const lines = options.map((option) => option.replace(/^--/, ''));
  const archive = `sst-log-archive=0`;
  writeFileSync(file, ['[mysqld]', ...lines, '[sst]', archive, ''].join('\n'), { mode: 0o600 });
  return file;
}

/** Who copies the data for a node that joins: the user of the system that the server runs as, without a password. */
function stateTransferUser(): string {
  const name = systemUser();
  if (name === 'root') return '';
  return [
    `CREATE USER IF NOT EXISTS '${name}'@'localhost' IDENTIFIED VIA unix_socket;`,
    `GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR ON *.* TO '${name}'@'localhost';`,
    '',
  ].join('\n');
}

const systemUser = () => Bun.spawnSync(['id', '-un']).stdout.toString().trim();

/**
 * Prepares the node that has applied the most for forming the cluster; the first one when none has data. All nodes are down.
 *
 * @returns its name
 */
async function prepareFounder(
  nodes: readonly { readonly node: PlannedNode; readonly options: string }[],
): Promise<string> {
  const positions = await Promise.all(
    nodes.map(async ({ node, options }) => ({ node, position: await positionOf(node, options) })),
  );
  const { node } = mostAdvanced(positions);
  if (!existsSync(join(dataOf(node), 'mysql'))) {
    rmSync(dataOf(node), { recursive: true, force: true });
    await installDatabase(node.folder, dataOf(node));
  }
  // The cluster of before, which is not waited for.
  for (const each of nodes) rmSync(join(dataOf(each.node), 'gvwstate.dat'), { force: true });
  const state = join(dataOf(node), 'grastate.dat');
  if (existsSync(state))
    writeFileSync(
      state,
      readFileSync(state, 'utf8').replace(/^safe_to_bootstrap:.*$/m, 'safe_to_bootstrap: 1'),
    );
  return node.name;
}

/** The last transaction that a node which is down has applied; undefined when it has no data, or incomplete data. */
async function positionOf(node: PlannedNode, options: string): Promise<GaleraPosition | undefined> {
  if (!existsSync(join(dataOf(node), 'grastate.dat'))) return undefined;
  const file = join(dataOf(node), 'recovery.log');
  rmSync(file, { force: true });
  const recovery = Bun.spawn(
    [
      systemProgram('mariadbd', 'mariadb-server'),
      ...[`--defaults-file=${options}`, '--wsrep-recover', `--log-error=${file}`],
    ],
    {
      env: { PATH: process.env.PATH ?? '', ...temporaryFolder(node.folder) },
      stdio: ['ignore', 'ignore', 'ignore'],
    },
  );
  const logged = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const hasExited = () => recovery.exitCode !== null || recovery.signalCode !== null;
  await until(() => hasExited() || parsePosition(logged()) !== undefined, RECOVERY_MS);
  // It has been seen to hang once the position is known, while it shuts down.
  if (!(await until(hasExited, EXIT_MS))) recovery.kill('SIGKILL');
  await recovery.exited;
  return parsePosition(logged());
}

/** Whether the node is a full member that serves queries. */
async function isSynced(address: { host: string; port: number; name: string; password: string }) {
  try {
    const connection = await createConnection({
      ...{ host: address.host, port: address.port, user: address.name, password: address.password },
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
    try {
      const [rows] = await connection.query("show status like 'wsrep_local_state_comment'");
      return JSON.stringify(rows).includes('Synced');
    } finally {
      connection.destroy();
    }
  } catch {
    // Not up yet: asked again.
    return false;
  }
}
