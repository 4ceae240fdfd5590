import type { ServerAddress } from '../../config/hosts';
import { sleep } from '../../core/back-off';
import { singleFlight } from '../../core/single-flight';

const CHECK_EVERY_MS = 2_000;
/** An earlier server is followed again once it has been healthy for this long: not while it comes and goes. */
const STEADY_MS = 10_000;

/** The one of several servers that all processes write to and read from. */
export interface Writer {
  readonly server: ServerAddress;
  /** Checks it now, for instance after a failure, and resolves when another is followed or none is healthy. */
  check(): Promise<void>;
  stop(): void;
}

export interface WriterOptions {
  /** In the order of preference, which is the same for all processes. */
  readonly servers: readonly [ServerAddress, ...ServerAddress[]];
  /** Resolves when the server takes writes; rejects otherwise, within seconds. */
  readonly probe: (server: ServerAddress) => Promise<void>;
  /** @param wasAway whether the server before does not take writes any more */
  readonly moved: (move: { from: ServerAddress; to: ServerAddress; wasAway: boolean }) => void;
  readonly clock?: { nowMs(): number; sleep(ms: number, signal: AbortSignal): Promise<void> };
}

/**
 * Follows the first healthy server of a list. When it stops being healthy, the next one is followed within seconds; when an
 * earlier one is steadily healthy again, that one. Processes decide by themselves, and may differ for some seconds.
 */
export function followWriter(options: WriterOptions): Writer {
  const { servers, moved } = options;
  const clock = options.clock ?? { nowMs: () => performance.now(), sleep };
  const stop = new AbortController();
  let current = servers[0];
  /** Since when earlier servers than the current one have been healthy. */
  const healthySince = new Map<ServerAddress, number>();

  const isHealthy = (server: ServerAddress): Promise<boolean> =>
    options.probe(server).then(
      () => true,
      () => false,
    );

  async function firstHealthy(among: readonly ServerAddress[]): Promise<ServerAddress | undefined> {
    const healthy = await Promise.all(among.map(isHealthy));
    return among.find((_, index) => healthy[index]);
  }

  function move(to: ServerAddress, wasAway: boolean): void {
    const from = current;
    current = to;
    healthySince.clear();
    if (!stop.signal.aborted) moved({ from, to, wasAway });
  }

  async function considerReturn(): Promise<void> {
    const earlier = servers.slice(0, servers.indexOf(current));
    const healthy = await Promise.all(earlier.map(isHealthy));
    for (const [index, server] of earlier.entries()) {
      if (!healthy[index]) healthySince.delete(server);
      else if (!healthySince.has(server)) healthySince.set(server, clock.nowMs());
      else if (clock.nowMs() - (healthySince.get(server) ?? 0) >= STEADY_MS) return move(server, false);
    }
  }

  const check = singleFlight(async () => {
    // Twice: one probe may fail by chance.
    if ((await isHealthy(current)) || (await isHealthy(current))) return considerReturn();
    const next = await firstHealthy(servers.filter((server) => server !== current));
    if (next !== undefined) move(next, true);
  });

  async function keepChecking(): Promise<void> {
    while (!stop.signal.aborted) {
      await check();
      await clock.sleep(CHECK_EVERY_MS, stop.signal);
    }
  }
  // It never rejects.
  void keepChecking();

  return {
    get server() {
      return current;
    },
    check,
    stop: () => stop.abort(),
  };
}
