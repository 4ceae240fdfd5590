import { readFileSync } from 'node:fs';

export interface Measured {
  readonly requestsPerSecond: number;
  /** CPU time of the proxy per request: hardly affected by other load on the machine. */
  readonly cpuMicroseconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly connections: number;
  readonly seconds: number;
  /** The core that `wrk` is pinned to. */
  readonly core: number;
  /** Header lines of the requests. */
  readonly headers: readonly string[];
}

/**
 * Runs wrk once.
 *
 * @param pid of the proxy; the processes it has started count with it
 * @throws when it fails or a response has no 2xx status
 */
export async function measure(url: string, pid: number, load: Load): Promise<Measured> {
  const { connections, seconds, core, headers } = load;
  const cpuBefore = cpuTicks(pid);
  const command = [
    'taskset',
    '-c',
    String(core),
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    ...headers.flatMap((line) => ['-H', line]),
    url,
  ];
  const wrk = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' });
  const [output, errors, code] = await Promise.all([
    new Response(wrk.stdout).text(),
    new Response(wrk.stderr).text(),
    wrk.exited,
  ]);
  if (code !== 0) throw new Error(`wrk failed: ${errors}`);
  if (output.includes('Non-2xx') || output.includes('Socket errors'))
    throw new Error(`Some requests failed:\n${output}`);
  const requests = Number(field(output, /\b(\d+) requests in/));
  return {
    cpuMicroseconds: ((cpuTicks(pid) - cpuBefore) * MICROSECONDS_PER_TICK) / requests,
    requestsPerSecond: Number(field(output, /Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(field(output, /50%\s+(\S+)/)),
    p99Ms: milliseconds(field(output, /99%\s+(\S+)/)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Linux measures CPU time in hundredths of a second. */
const MICROSECONDS_PER_TICK = 10_000;

/** User and system time of a process, all threads and children together (proc(5): fields 14 and 15 of stat). */
function cpuTicks(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user = '0', system = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return children.reduce((sum, child) => sum + cpuTicks(Number(child)), Number(user) + Number(system));
}

function field(output: string, pattern: RegExp): string {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`The output of wrk does not match ${pattern}:\n${output}`);
  return found;
}

/** wrk writes `812.00us`, `1.23ms` or `1.02s`. */
function milliseconds(text: string): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1000;
  return text.endsWith('ms') ? value : value * 1000;
}
