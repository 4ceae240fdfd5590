/** Whether something on a loopback port answers at all, and how: the ways a server shows that it is ready. */

const ANSWER_TIMEOUT_MS = 1_000;

/**
 * Connects to a loopback port, sends `send` if given, and resolves with the first bytes that come back;
 * with nothing when the port is closed, hangs up or stays silent.
 */
export function firstAnswer(port: number, send?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const finish = (answer?: string) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const timer = setTimeout(finish, ANSWER_TIMEOUT_MS);
    Bun.connect({
      hostname: '127.0.0.1',
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

/** Whether a GET on a loopback port is answered with a success. */
export async function answersHttp(port: number, path = '/'): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
