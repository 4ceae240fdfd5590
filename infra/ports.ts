import { createServer } from 'node:net';

/** How far above its preferred port a server may be moved before the machine is said to be full. */
const SEARCHED_PORTS = 200;

/** Answers with the first free loopback port from `preferred` on, never the same one twice. */
export type ChoosePort = (preferred: number) => Promise<number>;

/**
 * @param options.offset added to every preferred port, so that two stacks do not meet
 * @param options.isFree whether nobody listens on that loopback port
 */
export function createPortChooser(
  options: { offset?: number; isFree?: (port: number) => Promise<boolean> } = {},
): ChoosePort {
  const { offset = 0, isFree = isPortFree } = options;
  const given = new Set<number>();
  return async (preferred) => {
    const first = preferred + offset;
    for (let port = first; port < first + SEARCHED_PORTS; port++) {
      if (given.has(port)) continue;
      given.add(port);
      if (await isFree(port)) return port;
    }
    throw new Error(`No port is free from ${first} to ${first + SEARCHED_PORTS - 1}: end what listens there`);
  };
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => answer(true)));
  });
}
