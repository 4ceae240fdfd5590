import type { UpstreamRequest } from './upstream-request';

/** The request body read so far, buffered while the request may have to be sent once more. */
export interface ReplayBuffer {
  /** Whether everything that was read is still buffered. */
  readonly isComplete: boolean;
  store(bytes: Buffer, start: number, end: number): void;
  end(): void;
  discard(): void;
  /** Sends what is buffered; false when the instance applies backpressure. */
  replayTo(upstream: UpstreamRequest): boolean;
}

export function createReplayBuffer(maxBytes: number): ReplayBuffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  let isComplete = true;
  let hasEnded = false;
  let isSent = false;

  function discard() {
    isComplete = false;
    parts.length = 0;
  }

  return {
    get isComplete() {
      return isComplete;
    },
    store(received, start, end) {
      bytes += end - start;
      // Before the first attempt there is no other copy.
      if (bytes > maxBytes && isSent) discard();
      else if (isComplete) parts.push(received.subarray(start, end));
    },
    end() {
      hasEnded = true;
    },
    discard,
    replayTo(upstream) {
      isSent = true;
      // For a first attempt nothing is buffered: its head is sent together with what follows in the same packet.
      if (parts.length === 0 && !hasEnded) return true;
      for (const part of parts) upstream.send(part, 0, part.length);
      if (hasEnded) upstream.end();
      if (bytes > maxBytes) discard();
      return upstream.flush();
    },
  };
}
