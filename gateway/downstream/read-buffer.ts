/** What an intake needs of a socket. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** How fast a socket is read: not while its user can take no more, nor while something read before still waits. */
export interface Intake {
  readonly paused: boolean;
  /** Whether something was read that nobody has looked at. */
  readonly holding: boolean;
  /** Keeps bytes, behind those kept before, until they are taken. */
  hold(bytes: Buffer): void;
  /** Gives what is kept; the socket goes on at the next `settle`, when nothing had to be kept again. */
  take(): Buffer | null;
  pause(): void;
  resume(): void;
  settle(): void;
}

export function createIntake(socket: PausableSocket): Intake {
  let held: Buffer | null = null;
  let asked = false;
  let paused = false;

  function settle() {
    const shouldPause = asked || held !== null;
    if (shouldPause === paused) return;
    paused = shouldPause;
    if (shouldPause) socket.pause();
    else socket.resume();
  }

  return {
    get paused() {
      return paused;
    },
    get holding() {
      return held !== null;
    },
    hold(bytes) {
      held = held === null ? bytes : Buffer.concat([held, bytes]);
      settle();
    },
    take() {
      const bytes = held;
      held = null;
      return bytes;
    },
    pause() {
      asked = true;
      settle();
    },
    resume() {
      asked = false;
      settle();
    },
    settle,
  };
}
