import type { DeadlineClock } from './deadlines';
import type { PlaneLimits } from './limits';
import { openUpstreamConnection, type UpstreamConnection, type UpstreamUser } from './upstream-connection';

export interface UpstreamPool {
  /**
   * Gives a connection at once: an idle one, or one that is still being opened and keeps what is written.
   *
   * @param fresh to get one no request has used
   * @returns null when the instance has as many connections as it may have
   */
  take(host: string, port: number, user: UpstreamUser, fresh?: boolean): UpstreamConnection | null;
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
  const instances = new Map<string, Instance>();
  let closed = false;

  function left(address: string, instance: Instance) {
    instance.open--;
    if (instance.open === 0 && instance.idle.length === 0) instances.delete(address);
  }

  return {
    take(host, port, user, fresh = false) {
      const address = `${host}:${port}`;
      const instance = instances.get(address) ?? { idle: [], open: 0 };
      // The one used last is the least likely to be closed by the other side just now.
      const idle = fresh ? undefined : instance.idle.pop();
      if (idle) {
        idle.use(user);
        return idle;
      }
      if (instance.open >= limits.openPerInstance) return null;
      instances.set(address, instance);
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
          left(address, instance);
        },
      });
      connection.use(user);
      return connection;
    },
    close() {
      closed = true;
      for (const instance of instances.values()) {
        for (const connection of [...instance.idle]) connection.release(false);
      }
    },
  };
}
