/** What a read buffer needs of a socket. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** Read-side flow control: the socket is paused while its consumer is, and while bytes read earlier are buffered. */
export interface ReadBuffer {
  readonly isPaused: boolean;
  /** Buffers bytes, after those buffered before, until they are taken. */
  store(bytes: Buffer): void;
  /** Takes what is buffered; the socket resumes at the next `settle`, unless bytes were stored again. */
  take(): Buffer | null;
  pause(): void;
  resume(): void;
  settle(): void;
}

export function createReadBuffer(socket: PausableSocket): ReadBuffer {
  let buffered: Buffer | null = null;
  let isPauseRequested = false;
  let isPaused = false;

  function settle() {
    const shouldPause = isPauseRequested || buffered !== null;
    if (shouldPause === isPaused) return;
    isPaused = shouldPause;
    if (shouldPause) socket.pause();
    else socket.resume();
  }

  return {
    get isPaused() {
      return isPaused;
    },
    store(bytes) {
      buffered = buffered === null ? bytes : Buffer.concat([buffered, bytes]);
      settle();
    },
    take() {
      const bytes = buffered;
      buffered = null;
      return bytes;
    },
    pause() {
      isPauseRequested = true;
      settle();
    },
    resume() {
      isPauseRequested = false;
      settle();
    },
    settle,
  };
}
