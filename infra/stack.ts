import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beanstalkd } from './beanstalkd';
import { dynamodb } from './dynamodb';
import { mail } from './mail';
import { mariadb } from './mariadb';
import { objectStore } from './object-store';
import { takeFolder } from './owner';
import { createPortChooser } from './ports';
import { markOf, stopProcessesOf } from './processes';
import { rabbitmq } from './rabbitmq';
import { redis } from './redis';
import type { Profile, RunningServer, Server } from './server';

const SERVERS: readonly Server[] = [rabbitmq, mariadb, mail, redis, beanstalkd, dynamodb, objectStore];

/** The test stack's ports begin this far above those of development. */
export const TEST_PORT_OFFSET = 2_000;

export interface Stack {
  /** What the processes need to reach the servers that were started; those named from outside are not repeated. */
  readonly environment: Readonly<Record<string, string>>;
  readonly servers: readonly RunningServer[];
  /** @throws when the stack did not start that server */
  readonly server: (name: string) => RunningServer;
  readonly stop: () => Promise<void>;
}

export interface StackOptions {
  /** Everything the servers keep lies under here. */
  readonly folder: string;
  readonly profile: Profile;
  /** Added to every preferred port. */
  readonly portOffset?: number;
  /** Start these only (by name); all of them by default. */
  readonly only?: readonly string[];
  readonly report?: (line: string) => void;
  /** Called after a server that ended by itself has been started again. */
  readonly onRestart?: (stack: Stack) => void;
  /** Breaks off the start: what was started by then is stopped again. */
  readonly signal?: AbortSignal;
  /** Where a server to be used instead of an own one may be named. */
  readonly source?: NodeJS.ProcessEnv;
}

/**
 * Starts the servers Rookery stands on as child processes bound to loopback, side by side, and waits until each
 * answers. What an earlier, killed run left behind in the same folder is ended first. A test stack begins empty.
 *
 * @throws {FolderInUse} when another process works with the folder
 * @throws when a program is missing, a server does not come up or the signal aborts; what was started is stopped again
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = resolve(options.folder);
  const { profile, report = () => undefined, source = process.env } = options;
  const releaseFolder = takeFolder(folder);
  const running: RunningServer[] = [];

  async function stop() {
    await Promise.all(running.map((server) => server.stop()));
    await stopProcessesOf(folder, { graceMs: 5_000 });
    releaseFolder();
  }

  const stack: Stack = {
    get environment() {
      return Object.assign({}, ...running.map((server) => server.environment));
    },
    servers: running,
    server(name) {
      const server = running.find((candidate) => candidate.name === name);
      if (server === undefined) throw new Error(`This stack did not start ${name}`);
      return server;
    },
    stop,
  };

  try {
    const left = await stopProcessesOf(folder, { graceMs: 10_000 });
    if (left > 0) report(`ended ${left} processes an earlier run left behind`);
    if (profile === 'test') emptyFolder(folder);
    const portOffset = options.portOffset ?? (profile === 'test' ? TEST_PORT_OFFSET : 0);
    const context = {
      folder,
      profile,
      portOffset,
      choosePort: createPortChooser({ offset: portOffset }),
      mark: markOf(folder),
      report,
      restarted: () => options.onRestart?.(stack),
      signal: options.signal ?? new AbortController().signal,
    };
    const outcomes = await Promise.allSettled(
      wantedServers(options.only, source, report).map(async (server) => {
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
  only: readonly string[] | undefined,
  source: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Server[] {
  return SERVERS.filter((server) => {
    if (only !== undefined && !only.includes(server.name)) return false;
    const variable = server.replacedBy.find((name) => (source[name] ?? '') !== '');
    if (variable !== undefined) report(`${server.name}: using the one named by ${variable}`);
    return variable === undefined;
  });
}

function emptyFolder(folder: string) {
  for (const name of [...SERVERS.map((server) => server.name), 'logs'])
    rmSync(join(folder, name), { recursive: true, force: true });
}

const combined = (failures: readonly unknown[]) =>
  new AggregateError(
    failures,
    failures.map((failure) => (failure instanceof Error ? failure.message : failure)).join('\n'),
  );
