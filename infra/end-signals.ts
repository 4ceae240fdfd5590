/** A request to end this process, made by Ctrl-C, `make down`, foreman or a closed terminal. */
export interface EndRequest {
  readonly signal: AbortSignal;
  /** Called for a second and any further request: whoever asks twice is in a hurry. */
  again: () => void;
}

/** Listens for requests to end; from now on they no longer end the process by themselves. */
export function listenForEnd(): EndRequest {
  const controller = new AbortController();
  const request: EndRequest = { signal: controller.signal, again: () => undefined };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => (controller.signal.aborted ? request.again() : controller.abort()));
  return request;
}

/** Keeps the process alive until the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // Neither signal handlers nor the servers keep a process alive.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
