import type { UpstreamTry } from './upstream-request';

/** What has been read of a request's body, kept as long as the request may have to be sent once more. */
export interface Replay {
  /** Whether all that has been read is still there. */
  readonly possible: boolean;
  keep(bytes: Buffer, start: number, end: number): void;
  end(): void;
  forget(): void;
  /** Sends what was kept; false when the instance did not take it all at once. */
  into(upstream: UpstreamTry): boolean;
}

export function createReplay(mostBytes: number): Replay {
  const spans: Buffer[] = [];
  let bytes = 0;
  let possible = true;
  let isWhole = false;
  let isSent = false;

  function forget() {
    possible = false;
    spans.length = 0;
  }

  return {
    get possible() {
      return possible;
    },
    keep(received, start, end) {
      bytes += end - start;
      // Before the first try there is no other copy.
      if (bytes > mostBytes && isSent) forget();
      else if (possible) spans.push(received.subarray(start, end));
    },
    end() {
      isWhole = true;
    },
    forget,
    into(upstream) {
      isSent = true;
      // A first try comes here with nothing yet: its head goes out together with what follows in the same packet.
      if (spans.length === 0 && !isWhole) return true;
      for (const span of spans) upstream.send(span, 0, span.length);
      if (isWhole) upstream.end();
      if (bytes > mostBytes) forget();
      return upstream.flush();
    },
  };
}
