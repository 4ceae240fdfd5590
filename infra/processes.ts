import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { sleep } from '#kit/core/back-off';

/**
 * Every process started for a folder carries that folder in its environment, and so do its own children. An orphan of
 * a killed parent is therefore found by its environment (`/proc/<pid>/environ`), never by a pid in a file, which may
 * have been reused.
 */
const MARK = 'ROOKERY_FOLDERS';

/** The environment entry that marks a child as belonging to `folder` and to the folders of its parent. */
export function markOf(folder: string, inherited = process.env[MARK]): Record<string, string> {
  return { [MARK]: [...foldersIn(inherited), resolve(folder)].join(':') };
}

/** Whether a mark contains `folder` or a folder within it. */
export function belongsTo(folder: string, mark: string | undefined): boolean {
  const whole = resolve(folder);
  return foldersIn(mark).some((part) => part === whole || part.startsWith(`${whole}/`));
}

const foldersIn = (mark: string | undefined) => (mark ?? '').split(':').filter((part) => part !== '');

/** Pids of the running processes marked with `folder`, except this process and its ancestors. Linux only: none elsewhere. */
export function processesOf(folder: string): number[] {
  if (!existsSync('/proc/self/environ')) return [];
  const excluded = ancestorsOf(process.pid);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => !excluded.has(pid) && belongsTo(folder, markOfProcess(pid)));
}

/**
 * Stops the processes that an earlier run left behind in `folder`: SIGTERM, then SIGKILL after `graceMs`.
 *
 * @returns how many processes were found
 */
export async function stopProcessesOf(folder: string, options: { graceMs: number }): Promise<number> {
  const found = processesOf(folder);
  for (const pid of found) signalProcess(pid, 'SIGTERM');
  if (!(await until(() => processesOf(folder).length === 0, options.graceMs))) {
    for (const pid of processesOf(folder)) signalProcess(pid, 'SIGKILL');
    await until(() => processesOf(folder).length === 0, 5_000);
  }
  return found.length;
}

/** Sends a signal; a process that has exited already is not an error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (failure) {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'ESRCH')) throw failure;
  }
}

/** Polls `condition` until it holds (true) or `timeoutMs` have passed (false). */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= deadline || signal?.aborted) return false;
    await sleep(25, signal);
  }
}

/**
 * Polls `condition` until it holds (true), or nothing has changed for too long (false): on a busy machine a start takes
 * many times as long, but it moves on.
 *
 * @param options.progress a value that changes whenever there is progress
 * @param options.stallMs how long it may stay the same
 * @param options.timeoutMs the limit even with progress; none by default
 */
export async function untilStalled(
  condition: () => boolean | Promise<boolean>,
  options: {
    progress: () => unknown;
    stallMs: number;
    timeoutMs?: number;
    signal?: AbortSignal;
    now?: () => number;
  },
): Promise<boolean> {
  const { progress, stallMs, timeoutMs = Number.POSITIVE_INFINITY, signal, now = Date.now } = options;
  const started = now();
  let last = { at: started, value: progress() };
  for (;;) {
    if (await condition()) return true;
    const [at, value] = [now(), progress()];
    if (value !== last.value) last = { at, value };
    if (at - last.at >= stallMs || at - started >= timeoutMs || signal?.aborted) return false;
    await sleep(25, signal);
  }
}

/** Clock ticks that a process and its ended children have used the processor; undefined when it has exited. */
export function cpuTicksOf(pid: number | undefined): number | undefined {
  // proc(5), fields 14 to 17: utime, stime, cutime, cstime.
  const fields = pid === undefined ? undefined : fieldsAfterCommand(pid);
  return fields?.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/**
 * When the process was started, in clock ticks since boot: together with the pid it identifies one process.
 * Undefined when it has exited, or is a zombie.
 */
export function startTimeOf(pid: number): string | undefined {
  // proc(5), fields 3 (state) and 22 (start time); field 2, the command, may contain spaces and parentheses.
  const fields = fieldsAfterCommand(pid);
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

/** Resident memory in bytes; undefined when the process has exited. */
export function residentBytesOf(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

function ancestorsOf(pid: number): Set<number> {
  const ancestors = new Set<number>();
  for (let current = pid; current > 1 && !ancestors.has(current); ) {
    ancestors.add(current);
    current = Number(fieldsAfterCommand(current)?.[1] ?? 0);
  }
  return ancestors;
}

function fieldsAfterCommand(pid: number): string[] | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function markOfProcess(pid: number): string | undefined {
  const entry = readProc(`/proc/${pid}/environ`)
    ?.split('\0')
    .find((variable) => variable.startsWith(`${MARK}=`));
  return entry?.slice(MARK.length + 1);
}

/** Undefined when the process has exited or belongs to another user. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
