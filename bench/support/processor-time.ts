import { readFileSync } from 'node:fs';
import { cpuTicksOf } from '../../infra/processes';

/** Linux measures CPU time in hundredths of a second. */
const MS_PER_TICK = 10;

/** A process of the system, with its children. */
export interface Measured {
  readonly name: string;
  readonly pid: number;
}

/** CPU time since the start, in milliseconds. */
export interface ProcessorTimes {
  readonly ofProcesses: ReadonlyMap<string, number>;
  /** Of the whole machine, whoever used it. */
  readonly ofMachine: number;
}

/** User and system time of the processes and their running children. */
export function readProcessorTimes(processes: readonly Measured[]): ProcessorTimes {
  const ofProcesses = new Map<string, number>();
  for (const { name, pid } of processes)
    ofProcesses.set(name, (ofProcesses.get(name) ?? 0) + treeTicks(pid) * MS_PER_TICK);
  return { ofProcesses, ofMachine: machineTicks() * MS_PER_TICK };
}

/** What was used between two readings, in milliseconds. */
export function usedBetween(before: ProcessorTimes, after: ProcessorTimes): ProcessorTimes {
  const ofProcesses = new Map(
    [...after.ofProcesses].map(([name, ms]) => [name, ms - (before.ofProcesses.get(name) ?? 0)]),
  );
  return { ofProcesses, ofMachine: after.ofMachine - before.ofMachine };
}

/** The process and its descendants. */
export function treeOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
  } catch {
    // It has exited.
    return [];
  }
}

const treeTicks = (pid: number): number => treeOf(pid).reduce((sum, one) => sum + (cpuTicksOf(one) ?? 0), 0);

/** proc(5), `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. Time stolen by other machines is idle. */
function machineTicks(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)
    .flatMap((line) => line.trim().split(/\s+/).map(Number));
  return user + nice + system + irq + softirq;
}
