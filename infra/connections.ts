import { readFileSync } from 'node:fs';
import { until } from './processes';

/** The variables that name the servers which processes hold connections to while they drain. */
const DRAINED_INTO = ['DB_PORT', 'REDIS_URL', 'AMQP_URL', 'BEANSTALKD_PORT', 'DYNAMODB_URL'];

/** Longer than processes drain, and shorter than a process manager waits before it kills. */
const GRACE_MS = 15_000;

/**
 * Waits until no process is connected to the servers any more. foreman and overmind stop all processes at the same moment,
 * but the others still need the servers to drain: they end last.
 *
 * @param environment the variables of the servers
 */
export async function untilUnused(
  environment: Readonly<Record<string, string>>,
  graceMs = GRACE_MS,
): Promise<void> {
  const ports = DRAINED_INTO.flatMap((name) => portIn(environment[name]) ?? []);
  await until(() => connectionsTo(ports) === 0, graceMs);
}

function portIn(address: string | undefined): number | undefined {
  if (address === undefined) return undefined;
  return Number(/^\d+$/.test(address) ? address : URL.parse(address)?.port) || undefined;
}

/** ESTABLISHED, in the kernel's include/net/tcp_states.h. */
const ESTABLISHED = '01';

/** The number of established connections that loopback ports have accepted. Linux only: none elsewhere. */
export function connectionsTo(ports: readonly number[]): number {
  let count = 0;
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of linesOf(table)) {
      // proc(5): sl, local_address as hexadecimal host:port, rem_address, st.
      const [, local = '', , state] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.split(':')[1] ?? '', 16);
      if (state === ESTABLISHED && ports.includes(port)) count++;
    }
  return count;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
