/** Readiness probes for servers of the stack. */

const PROBE_TIMEOUT_MS = 1_000;

/**
 * Connects to a port, of loopback by default, sends `send` if given, and resolves with the first bytes received; with undefined
 * when the port is closed, the connection ends or nothing arrives in time.
 */
export function probeTcp(port: number, send?: string, hostname = '127.0.0.1'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const finish = (received?: string) => {
      clearTimeout(timer);
      resolve(received);
    };
    const timer = setTimeout(finish, PROBE_TIMEOUT_MS);
    Bun.connect({
      hostname,
      port,
      socket: {
        open(socket) {
          if (send !== undefined) socket.write(send);
        },
        data(socket, bytes) {
          finish(bytes.toString('latin1'));
          socket.end();
        },
        close: () => finish(),
        error: () => finish(),
        connectError: () => finish(),
      },
    }).catch(() => finish());
  });
}

/** Whether a GET on a loopback port returns a success status. */
export async function probeHttp(port: number, path = '/'): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      // A connection kept open would count as a user of the server (connections.ts).
      keepalive: false,
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
