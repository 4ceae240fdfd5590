import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, type Command, rotateLog, startChild } from './child';
import type { ChoosePort } from './ports';
import { until } from './processes';

/** `development` keeps its data and keeps it safe; `test` begins empty every time and may take short cuts. */
export type Profile = 'development' | 'test';

/** A kind of server the stack can start. */
export interface Server {
  readonly name: string;
  /** When one of these variables is set, the server it names is used and none is started. */
  readonly replacedBy: readonly string[];
  readonly start: (context: StartContext) => Promise<RunningServer>;
}

export interface StartContext {
  /** The stack's folder; the server works in a subfolder of its own name. */
  readonly folder: string;
  readonly profile: Profile;
  readonly choosePort: ChoosePort;
  /** What `choosePort` adds to the preferred ports. */
  readonly portOffset: number;
  readonly mark: Record<string, string>;
  readonly report: (line: string) => void;
  /** Aborting it breaks off a start that is still under way. */
  readonly signal: AbortSignal;
  /** Called when a server that ended by itself has been started again. */
  readonly restarted: () => void;
}

export interface RunningServer {
  readonly name: string;
  /** What a client needs to reach it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly startedInMs: number;
  readonly pid: () => number | undefined;
  /** Ends the server the hard way and waits until it is gone; its helpers stay. It is not started again by itself. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Starts it again, on the same ports and data, ending it first when it still runs. */
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
    ports: { readonly [Name in keyof Ports]: number };
  }) => Plan | Promise<Plan>;
}

/** How a server is run, once its folder and ports are known. */
interface Plan {
  /** Helpers first, the server itself last. */
  readonly commands: readonly [...Command[], Command];
  readonly ready: () => Promise<boolean>;
  readonly environment: Readonly<Record<string, string>>;
}

/** RabbitMQ on a cold, busy machine is the slowest to come up. */
const START_TIMEOUT_MS = 90_000;
const STOP_GRACE_MS = 15_000;
const RESTART_AFTER_MS = 1_000;

/** Makes a server of its definition: choosing ports, running its commands, waiting for them, ending them. */
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
      const logFile = join(context.folder, 'logs', `server-${name}.log`);
      mkdirSync(folder, { recursive: true });
      mkdirSync(join(context.folder, 'logs'), { recursive: true });
      rotateLog(logFile);
      const ports = await choosePorts(definition.ports, context.choosePort);
      reportMoved(name, definition.ports, ports, context);
      const plan = await definition.plan({ folder, profile: context.profile, ports });
      const run = runPlan(name, plan, { ...context, folder, logFile });
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

async function choosePorts<Ports extends Record<string, number>>(preferred: Ports, choosePort: ChoosePort) {
  const ports: Record<keyof Ports, number> = { ...preferred };
  for (const name in preferred) ports[name] = await choosePort(ports[name]);
  return ports;
}

/** Whoever does not get the addresses from the stack itself must be told where a server went. */
function reportMoved(
  name: string,
  preferred: Readonly<Record<string, number>>,
  ports: Readonly<Record<string, number>>,
  context: StartContext,
) {
  for (const [use, port] of Object.entries(preferred))
    if (ports[use] !== port + context.portOffset)
      context.report(`${name}: port ${port + context.portOffset} is taken, using ${ports[use]}`);
}

function runPlan(
  name: string,
  plan: Plan,
  options: Pick<StartContext, 'folder' | 'mark' | 'report' | 'signal' | 'restarted'> & { logFile: string },
) {
  const children: (Child | undefined)[] = plan.commands.map(() => undefined);
  const main = plan.commands.length - 1;
  let wanted = false;

  async function restart() {
    wanted = false;
    await children[main]?.stop(STOP_GRACE_MS);
    plan.commands.forEach((command, index) => {
      if (!children[index]?.running()) children[index] = startChild(command, options);
    });
    const child = children[main];
    const ready = await until(
      async () => !child?.running() || (await plan.ready()),
      START_TIMEOUT_MS,
      options.signal,
    );
    if (!ready || !child?.running()) {
      await stop();
      if (options.signal.aborted) throw new Error(`Starting ${name} was broken off`);
      const why = ready ? 'ended at once' : `was not ready after ${START_TIMEOUT_MS / 1000} s`;
      throw new Error(`${name} ${why}. ${options.logFile} ends with:\n${lastLines(options.logFile)}`);
    }
    wanted = true;
    child.exited.then(() => {
      if (!wanted || children[main] !== child) return;
      options.report(`${name} ended by itself (see ${options.logFile}); starting it again`);
      setTimeout(() => {
        if (wanted) restart().then(options.restarted, (failure) => options.report(String(failure)));
      }, RESTART_AFTER_MS);
    });
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL') {
    wanted = false;
    const child = children[main];
    if (!child?.running()) return;
    child.signal(signal);
    await child.exited;
  }

  async function stop() {
    wanted = false;
    for (const child of children.toReversed()) await child?.stop(STOP_GRACE_MS);
  }

  return { restart, kill, stop, pid: () => (children[main]?.running() ? children[main].pid : undefined) };
}

const lastLines = (file: string) =>
  readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n') || '(nothing)';
