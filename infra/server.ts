import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Child, type Command, startChild } from './child';
import type { Identity } from './identities';
import { rotateLog, rotateOpenLog } from './log-files';
import type { ChoosePort } from './ports';
import { cpuTicksOf, untilStalled } from './processes';

/**
 * `development` persists its data durably; `compact` does so with as little memory as possible; `test` starts empty every
 * time, trades durability for speed, and stops its servers at once: nobody will read their data.
 */
export type Profile = 'development' | 'compact' | 'test';

/** A kind of server the stack can start. */
export interface Server {
  readonly name: string;
  /** When one of these variables is set, the server it points to is used and none is started. */
  readonly replacedBy: readonly string[];
  readonly start: (context: StartContext) => Promise<RunningServer>;
}

export interface StartContext {
  /** The stack's folder; the server uses the subfolder of its name. */
  readonly folder: string;
  readonly profile: Profile;
  /** The processes that use the servers. */
  readonly identities: readonly Identity[];
  readonly choosePort: ChoosePort;
  /** What `choosePort` adds to the preferred ports. */
  readonly portOffset: number;
  readonly mark: Record<string, string>;
  readonly report: (line: string) => void;
  /** Aborts a start in progress. */
  readonly signal: AbortSignal;
  /** Called when a server that exited unexpectedly has been restarted. */
  readonly restarted: () => void;
}

export interface RunningServer {
  readonly name: string;
  /** Of a cluster: each can be killed and restarted alone. What is done to the cluster is done to all of them. */
  readonly nodes?: readonly RunningServer[];
  /** The variables that clients need to reach it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly startedInMs: number;
  readonly pid: () => number | undefined;
  /** Kills the server and waits until it has exited; its helpers keep running. It is not restarted automatically. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Restarts it on the same ports and data, stopping it first when it still runs. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Definition<Ports extends Record<string, number>> {
  readonly name: string;
  readonly replacedBy: readonly string[];
  /** Preferred ports of the development stack. */
  readonly ports: Ports;
  readonly plan: (context: {
    folder: string;
    profile: Profile;
    identities: readonly Identity[];
    ports: { readonly [Name in keyof Ports]: number };
  }) => PlanWithEnvironment | Promise<PlanWithEnvironment>;
}

interface PlanWithEnvironment extends Plan {
  readonly environment: Readonly<Record<string, string>>;
}

/** How a server is run, once its folder and ports are known. */
export interface Plan {
  /** Helpers first, the server itself last. */
  readonly commands: readonly [...Command[], Command];
  /** Further arguments of the server itself, which depend on the state that it is started from. */
  readonly argsAtStart?: () => Promise<readonly string[]>;
  readonly ready: () => Promise<boolean>;
}

/** A server that starts uses the processor; one that has not for this long is stuck. */
const START_STALL_MS = 90_000;
/** Nor may it use the processor for ever. RabbitMQ takes minutes on a cold machine under heavy load. */
const START_TIMEOUT_MS = 600_000;
const LOG_CHECK_MS = 10_000;
const STOP_GRACE_MS = 15_000;
const RESTART_AFTER_MS = 1_000;

/** Creates a server from its definition: chooses ports, runs its commands, waits for readiness, stops them. */
export function defineServer<const Ports extends Record<string, number>>(
  definition: Definition<Ports>,
): Server {
  const { name, replacedBy } = definition;
  return {
    name,
    replacedBy,
    async start(context) {
      const started = performance.now();
      const folder = join(context.folder, name);
      mkdirSync(folder, { recursive: true });
      const ports = await serverPorts(name, definition.ports, context);
      const plan = await definition.plan({
        folder,
        profile: context.profile,
        identities: context.identities,
        ports,
      });
      const run = runPlan(name, plan, { ...context, folder, logFile: newLog(context.folder, name) });
      await run.restart();
      return {
        name,
        environment: plan.environment,
        startedInMs: Math.round(performance.now() - started),
        ...run,
      };
    },
  };
}

/** Chooses the ports of a server, and reports those that differ from the preferred ones. */
export async function serverPorts<Ports extends Record<string, number>>(
  name: string,
  preferred: Ports,
  context: Pick<StartContext, 'choosePort' | 'portOffset' | 'report'>,
): Promise<Record<keyof Ports, number>> {
  const ports: Record<keyof Ports, number> = { ...preferred };
  for (const use in preferred) ports[use] = await context.choosePort(ports[use]);
  reportMoved(name, preferred, ports, context);
  return ports;
}

/** For users who connect to the preferred ports directly. */
function reportMoved(
  name: string,
  preferred: Readonly<Record<string, number>>,
  ports: Readonly<Record<string, number>>,
  context: Pick<StartContext, 'portOffset' | 'report'>,
) {
  for (const [use, port] of Object.entries(preferred))
    if (ports[use] !== port + context.portOffset)
      context.report(`${name}: port ${port + context.portOffset} is in use, using ${ports[use]}`);
}

/** The log of a server in the stack's folder; that of its last run is kept beside it. */
export function newLog(stackFolder: string, name: string): string {
  const logFile = join(stackFolder, 'logs', `server-${name}.log`);
  mkdirSync(dirname(logFile), { recursive: true });
  rotateLog(logFile);
  return logFile;
}

/** Runs a server, and restarts it when it exits unexpectedly. It has not been started yet: `restart` does. */
export function runPlan(
  name: string,
  plan: Plan,
  options: Pick<StartContext, 'folder' | 'profile' | 'mark' | 'report' | 'signal' | 'restarted'> & {
    logFile: string;
  },
): Pick<RunningServer, 'restart' | 'kill' | 'stop' | 'pid'> {
  const children: (Child | undefined)[] = plan.commands.map(() => undefined);
  const main = plan.commands.length - 1;
  let shouldRun = false;
  // The server writes its log itself.
  const rotation = setInterval(() => rotateOpenLog(options.logFile), LOG_CHECK_MS);
  rotation.unref();

  async function restart() {
    shouldRun = false;
    await children[main]?.stop(STOP_GRACE_MS);
    const further = (await plan.argsAtStart?.()) ?? [];
    plan.commands.forEach((command, index) => {
      if (children[index]?.running()) return;
      const args = index === main ? [...command.args, ...further] : command.args;
      children[index] = startChild({ ...command, args }, options);
    });
    const child = children[main];
    const ready = await untilStalled(async () => !child?.running() || (await plan.ready()), {
      progress: () => cpuTicksOf(child?.pid),
      stallMs: START_STALL_MS,
      timeoutMs: START_TIMEOUT_MS,
      signal: options.signal,
    });
    if (!ready || !child?.running()) {
      await stop();
      if (options.signal.aborted) throw new Error(`Starting ${name} was cancelled`);
      const why = ready ? 'exited at once' : 'did not become ready';
      throw new Error(`${name} ${why}. ${options.logFile} ends with:\n${lastLines(options.logFile)}`);
    }
    shouldRun = true;
    child.exited.then(() => {
      if (!shouldRun || children[main] !== child) return;
      options.report(`${name} exited unexpectedly (see ${options.logFile}); restarting it`);
      setTimeout(() => {
        if (shouldRun) restart().then(options.restarted, (failure) => options.report(String(failure)));
      }, RESTART_AFTER_MS);
    });
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL') {
    shouldRun = false;
    const child = children[main];
    if (!child?.running()) return;
    child.signal(signal);
    await child.exited;
  }

  async function stop() {
    shouldRun = false;
    clearInterval(rotation);
    const graceMs = options.profile === 'test' ? 0 : STOP_GRACE_MS;
    for (const child of children.toReversed()) await child?.stop(graceMs);
  }

  return { restart, kill, stop, pid: () => (children[main]?.running() ? children[main].pid : undefined) };
}

const lastLines = (file: string) =>
  readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n') || '(empty)';
