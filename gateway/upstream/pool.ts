import type { DeadlineClock } from '../downstream/deadlines';
import type { PlaneLimits } from '../model/limits';
import { openUpstreamConnection, type UpstreamConnection } from './connection';

export interface UpstreamPool {
  /**
   * Gives a connection at once: an idle one, or one that is still being opened and keeps what is written. Whoever takes
   * it says with `use` who hears what happens on it.
   *
   * @param fresh to get one no request has used
   * @returns null when the instance has as many connections as it may have
   */
  take(host: string, port: number, fresh: boolean): UpstreamConnection | null;
  /** Closes the idle ones. */
  close(): void;
}

interface Instance {
  readonly idle: UpstreamConnection[];
  open: number;
}

/** @param report told of what should not happen: a failure in a handler of ours */
export function createUpstreamPool(
  limits: PlaneLimits,
  clock: DeadlineClock,
  report: (failure: unknown) => void,
): UpstreamPool {
  /** By host, then by port: no text has to be made for a look-up. */
  const hosts = new Map<string, Map<number, Instance>>();
  let closed = false;

  function left(host: string, port: number, instance: Instance) {
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

  function open(host: string, port: number): UpstreamConnection | null {
    const instance = instanceAt(host, port);
    if (instance.open >= limits.openPerInstance) return null;
    instance.open++;
    const connection = openUpstreamConnection(host, port, limits, clock, {
      report,
      idle() {
        if (closed || instance.idle.length >= limits.idlePerInstance) return false;
        instance.idle.push(connection);
        return true;
      },
      left(wasIdle) {
        if (wasIdle) instance.idle.splice(instance.idle.indexOf(connection), 1);
        left(host, port, instance);
      },
    });
    return connection;
  }

  return {
    take(host, port, fresh) {
      // The one used last is the least likely to be closed by the other side just now.
      const idle = fresh ? undefined : hosts.get(host)?.get(port)?.idle.pop();
      return idle ?? open(host, port);
    },
    close() {
      closed = true;
      for (const ports of hosts.values()) {
        for (const { idle } of ports.values()) for (const connection of [...idle]) connection.release(false);
      }
    },
  };
}
