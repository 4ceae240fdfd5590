import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..', '..');
/** Set by a whole run of `make test`: the folder with the bundles that `make up` would start. */
const BUNDLES = process.env.TEST_BUNDLES;
/** On a busy machine of few cores. */
const START_MS = 120_000;
/** The retained end of a process's output. */
const MAX_OUTPUT_CHARACTERS = 200_000;

/** A process of the system, started as the Procfile would start it. */
export interface StartedProcess {
  readonly url: string;
  readonly pid: number;
  isRunning(): boolean;
  /** Sends SIGTERM and waits until it has exited. */
  stop(): Promise<void>;
  /** Sends SIGKILL and waits until it has exited. */
  kill(): Promise<void>;
  /** The end of its output so far. */
  output(): string;
}

/**
 * Starts a process on a free port and waits until it logs its address. Processes of the Procfile are started from their
 * bundles when there are any, which takes half the time.
 *
 * @param main its entry point, relative to the project's root
 * @param started another command, and where it runs
 * @throws with its output when it exits or does not listen in time
 */
export async function startProcess(
  main: string,
  environment: Record<string, string>,
  started = { command: [process.execPath, entryPoint(main)], folder: ROOT },
): Promise<StartedProcess> {
  const child = Bun.spawn(started.command, {
    cwd: started.folder,
    env: { ...process.env, NODE_ENV: 'test', PORT: '0', LOG_LEVEL: 'info', ...environment },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let output = '';
  const listening = Promise.withResolvers<string | undefined>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output = (output + decoder.decode(bytes, { stream: true })).slice(-MAX_OUTPUT_CHARACTERS);
      const address = /listening on (https?:\/\/[^"\s]+)/.exec(output)?.[1];
      if (address !== undefined) listening.resolve(address);
    }
  };
  void Promise.all([read(child.stdout), read(child.stderr)]).then(() => listening.resolve(undefined));
  const late = setTimeout(() => listening.resolve(undefined), START_MS);
  const url = await listening.promise;
  clearTimeout(late);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await child.exited;
  };
  if (url === undefined) {
    await end('SIGKILL');
    throw new Error(`${main} did not start:\n${output}`);
  }
  return {
    url,
    pid: child.pid,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    output: () => output,
  };
}

const entryPoint = (main: string) =>
  BUNDLES !== undefined && main.endsWith('/main.ts')
    ? join(BUNDLES, main.replace(/\.ts$/, '.js'))
    : join(ROOT, main);

/** The pids of the children of a process. */
export async function childrenOf(pid: number): Promise<number[]> {
  const listing = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
  return listing
    .split(' ')
    .filter((part) => part !== '')
    .map(Number);
}
