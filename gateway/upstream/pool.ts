import type { InternalTls } from '#kit/core/internal-tls';
import type { DeadlineClock } from '../downstream/deadlines';
import type { UpstreamAddress } from '../model/attempt';
import type { DataPlaneLimits } from '../model/limits';
import { openUpstreamConnection, type UpstreamConnection, upstreamTls } from './connection';

export interface UpstreamPool {
  /**
   * Takes an idle connection, or one that is still being opened and queues what is written. The caller attaches itself
   * with `use`.
   *
   * @param maxIdleMs how long an idle one may have been idle; 0 for one that no request has used
   * @returns null when the connection limit of the instance is reached
   */
  take(address: UpstreamAddress, maxIdleMs: number): UpstreamConnection | null;
  /** Closes the idle connections. */
  close(): void;
}

interface Instance {
  readonly idle: UpstreamConnection[];
  open: number;
}

/**
 * @param report called with unexpected failures: errors thrown by the gateway's own handlers
 * @param internalTls for instances that serve TLS
 */
export function createUpstreamPool(
  limits: DataPlaneLimits,
  clock: DeadlineClock,
  report: (failure: unknown) => void,
  internalTls: InternalTls | null,
): UpstreamPool {
  /** By host, then by port: a look-up concatenates no key. */
  const hosts = new Map<string, Map<number, Instance>>();
  let isClosed = false;

  function removed(host: string, port: number, instance: Instance) {
    instance.open--;
    if (instance.open > 0 || instance.idle.length > 0) return;
    const ports = hosts.get(host);
    ports?.delete(port);
    if (ports?.size === 0) hosts.delete(host);
  }

  function instanceAt(host: string, port: number): Instance {
    const ports = hosts.get(host) ?? new Map<number, Instance>();
    hosts.set(host, ports);
    const instance = ports.get(port) ?? { idle: [], open: 0 };
    ports.set(port, instance);
    return instance;
  }

  function open({ host, port, tlsName }: UpstreamAddress): UpstreamConnection | null {
    const instance = instanceAt(host, port);
    if (instance.open >= limits.openPerInstance) return null;
    instance.open++;
    const connection = openUpstreamConnection(
      { host, port, tls: tlsName === null ? null : upstreamTls(internalTls, tlsName), limits, clock },
      {
        report,
        idle() {
          if (isClosed || instance.idle.length >= limits.idlePerInstance) return false;
          instance.idle.push(connection);
          return true;
        },
        removed(wasIdle) {
          if (wasIdle) instance.idle.splice(instance.idle.indexOf(connection), 1);
          removed(host, port, instance);
        },
      },
    );
    return connection;
  }

  return {
    take(address, maxIdleMs) {
      // The most recently used one is the least likely to be closed by the instance just now.
      const idle = hosts.get(address.host)?.get(address.port)?.idle;
      const newest = idle?.at(-1);
      if (newest === undefined || performance.now() - newest.idleSinceMs > maxIdleMs) return open(address);
      idle?.pop();
      return newest;
    },
    close() {
      isClosed = true;
      for (const ports of hosts.values()) {
        for (const { idle } of ports.values()) for (const connection of [...idle]) connection.release(0);
      }
    },
  };
}
