/** A request to shut this process down, from Ctrl-C, `make down`, foreman or a closed terminal. */
export interface ShutdownRequest {
  readonly signal: AbortSignal;
  /** Called for every further request, which asks for an immediate shutdown. */
  again: () => void;
}

/** Handles the shutdown signals; from now on they no longer terminate the process. */
export function listenForShutdown(): ShutdownRequest {
  const controller = new AbortController();
  const request: ShutdownRequest = { signal: controller.signal, again: () => undefined };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => (controller.signal.aborted ? request.again() : controller.abort()));
  return request;
}

/** Keeps the process alive until the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // Neither signal handlers nor child processes keep this process alive.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
