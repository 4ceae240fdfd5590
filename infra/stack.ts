import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beanstalkd } from './beanstalkd';
import { dynamodb } from './dynamodb';
import { lockFolder } from './folder-lock';
import { prepareIdentities, processesWithIdentity } from './identities';
import { mail } from './mail';
import { mariadb } from './mariadb';
import { objectStore } from './object-store';
import { createPortChooser } from './ports';
import { markOf, stopProcessesOf } from './processes';
import { rabbitmq } from './rabbitmq';
import { redis } from './redis';
import type { Profile, RunningServer, Server } from './server';

const PROCFILE = join(import.meta.dir, '..', 'Procfile');

/** One server of each kind. */
const SERVERS: readonly Server[] = [rabbitmq, mariadb, mail, redis, beanstalkd, dynamodb, objectStore];

/** Offset of the test stack's ports from those of development. */
export const TEST_PORT_OFFSET = 2_000;

export interface Stack {
  /** The variables that processes need to reach the started servers; external servers are not included. */
  readonly environment: Readonly<Record<string, string>>;
  readonly servers: readonly RunningServer[];
  /** IDENTITY_FILE of a process of the Procfile. */
  readonly identityFile: (process: string) => string;
  /** The same without credentials, for processes, which have their own in IDENTITY_FILE. */
  readonly processEnvironment: Readonly<Record<string, string>>;
  /** A server, or a node of a cluster. @throws when the stack has not started it */
  readonly server: (name: string) => RunningServer;
  readonly stop: () => Promise<void>;
}

export interface StackOptions {
  /** Contains all data of the servers. */
  readonly folder: string;
  readonly profile: Profile;
  /** Added to every preferred port. */
  readonly portOffset?: number;
  /** What it is made of; by default one server of each kind. */
  readonly servers?: readonly Server[];
  /** Start these only (by name); all of them by default. */
  readonly only?: readonly string[];
  readonly report?: (line: string) => void;
  /** Called after a server that exited unexpectedly has been restarted. */
  readonly onRestart?: (stack: Stack) => void;
  /** Cancels the start: servers that have started are stopped. */
  readonly signal?: AbortSignal;
  /** The environment that may point to external servers. */
  readonly source?: NodeJS.ProcessEnv;
}

/**
 * Starts the servers that Rookery needs in parallel, as child processes bound to loopback, and waits until each is
 * ready, and gives each process of the Procfile an identity. Orphans of an earlier run in the same folder are stopped first. A test stack starts empty.
 *
 * @throws {FolderInUse} when another process has locked the folder
 * @throws when a program is missing, a server does not start or the signal aborts; started servers are stopped
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  // Inherited by the servers, whose files are for their owner alone.
  process.umask(0o077);
  const folder = resolve(options.folder);
  const { profile, servers: kinds = SERVERS, report = () => undefined, source = process.env } = options;
  const unlockFolder = lockFolder(folder);
  const running: RunningServer[] = [];
  const identityFolder = join(folder, 'identities');

  async function stop() {
    await Promise.all(running.map((server) => server.stop()));
    await stopProcessesOf(folder, { graceMs: 5_000 });
    unlockFolder();
  }

  const stack: Stack = {
    get environment() {
      return Object.assign({}, ...running.map((server) => server.environment));
    },
    get processEnvironment() {
      return withoutCredentials(stack.environment);
    },
    servers: running,
    identityFile: (process) => join(identityFolder, `${process}.env`),
    server(name) {
      const server = running
        .flatMap((candidate) => [candidate, ...(candidate.nodes ?? [])])
        .find((candidate) => candidate.name === name);
      if (server === undefined) throw new Error(`This stack has not started ${name}`);
      return server;
    },
    stop,
  };

  try {
    const orphans = await stopProcessesOf(folder, { graceMs: 10_000 });
    if (orphans > 0) report(`stopped ${orphans} processes of an earlier run`);
    if (profile === 'test') emptyFolder(folder, kinds);
    const servers = wantedServers(kinds, options.only, source, report);
    const identities = prepareIdentities(
      identityFolder,
      processesWithIdentity(readFileSync(PROCFILE, 'utf8')),
      { servers: servers.map(({ name }) => name), isNew: !existsSync(join(folder, 'mariadb')) },
    );
    const portOffset = options.portOffset ?? (profile === 'test' ? TEST_PORT_OFFSET : 0);
    const context = {
      folder,
      profile,
      identities,
      portOffset,
      choosePort: createPortChooser({ offset: portOffset }),
      mark: markOf(folder),
      report,
      restarted: () => options.onRestart?.(stack),
      signal: options.signal ?? new AbortController().signal,
    };
    const outcomes = await Promise.allSettled(
      servers.map(async (server) => {
        const started = await server.start(context);
        running.push(started);
        report(`${server.name} is up after ${started.startedInMs} ms`);
      }),
    );
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : combined(failures);
  } catch (failure) {
    await stop();
    throw failure;
  }

  return stack;
}

function wantedServers(
  kinds: readonly Server[],
  only: readonly string[] | undefined,
  source: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Server[] {
  return kinds.filter((server) => {
    if (only !== undefined && !only.includes(server.name)) return false;
    const variable = server.replacedBy.find((name) => (source[name] ?? '') !== '');
    if (variable !== undefined) report(`${server.name}: using the server in ${variable}`);
    return variable === undefined;
  });
}

function withoutCredentials(environment: Readonly<Record<string, string>>): Record<string, string> {
  const { AMQP_URL, DB_USER, DB_PASSWORD, REDIS_URL, ...others } = environment;
  // Of each of several, separated by commas.
  const bare = (urls: string) => urls.replaceAll(/\/\/[^@/,]*@/g, '//');
  return {
    ...others,
    // Empty counts as unset, also where `.env` sets it.
    ...(DB_USER !== undefined && { DB_USER: '', DB_PASSWORD: '' }),
    ...(AMQP_URL !== undefined && {
      AMQP_URL: bare(AMQP_URL),
      AMQP_USER: '',
      AMQP_PASSWORD: '',
    }),
    ...(REDIS_URL !== undefined && { REDIS_URL: bare(REDIS_URL), REDIS_USER: '', REDIS_PASSWORD: '' }),
  };
}

function emptyFolder(folder: string, kinds: readonly Server[]) {
  for (const name of [...kinds.map((server) => server.name), 'logs'])
    rmSync(join(folder, name), { recursive: true, force: true });
}

const combined = (failures: readonly unknown[]) =>
  new AggregateError(
    failures,
    failures.map((failure) => (failure instanceof Error ? failure.message : failure)).join('\n'),
  );
