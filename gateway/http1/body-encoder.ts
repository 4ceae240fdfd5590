import type { Framing } from './framing';
import type { HeaderList } from './message';

/** Receives the parts of a message in order. Bytes are passed as a range, so that no view is allocated per part. */
export interface PartSink {
  /** @param text latin-1 */
  push(text: string): void;
  pushBytes(bytes: Buffer, start: number, end: number): void;
}

/** Applies a framing to content, part by part. */
export interface BodyEncoder {
  content(bytes: Buffer, start: number, end: number, sink: PartSink): void;
  end(trailers: HeaderList, sink: PartSink): void;
}

export const createBodyEncoder = (framing: Framing): BodyEncoder =>
  framing.kind === 'chunked' ? chunkedEncoder : plainEncoder;

const plainEncoder: BodyEncoder = {
  content(bytes, start, end, sink) {
    sink.pushBytes(bytes, start, end);
  },
  // Only the chunked framing has trailers; RFC 9110, 6.5.1 allows dropping them elsewhere.
  end() {},
};

const chunkedEncoder: BodyEncoder = {
  content(bytes, start, end, sink) {
    // An empty chunk is the last one.
    if (start === end) return;
    sink.push(`${(end - start).toString(16)}\r\n`);
    sink.pushBytes(bytes, start, end);
    sink.push('\r\n');
  },
  end(trailers, sink) {
    let text = '0\r\n';
    for (const [, , line] of trailers) text += line;
    sink.push(`${text}\r\n`);
  },
};
