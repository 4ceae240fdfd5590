import { createServer } from 'node:net';

/** How many ports are tried, from the preferred one upwards. */
const MAX_PORTS_TRIED = 200;

/** Resolves with the first free loopback port at or above `preferred`, never the same one twice. */
export type ChoosePort = (preferred: number) => Promise<number>;

/**
 * @param options.offset added to every preferred port, so that two stacks do not collide
 * @param options.isFree whether no process listens on that loopback port
 */
export function createPortChooser(
  options: { offset?: number; isFree?: (port: number) => Promise<boolean> } = {},
): ChoosePort {
  const { offset = 0, isFree = isPortFree } = options;
  const assigned = new Set<number>();
  return async (preferred) => {
    const first = preferred + offset;
    for (let port = first; port < first + MAX_PORTS_TRIED; port++) {
      if (assigned.has(port)) continue;
      assigned.add(port);
      if (await isFree(port)) return port;
    }
    throw new Error(
      `No port is free from ${first} to ${first + MAX_PORTS_TRIED - 1}: stop the processes that listen there`,
    );
  };
}

export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
