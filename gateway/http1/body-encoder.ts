import type { Framing } from './framing';
import type { HeaderList } from './message';

/** Where parts of a message go, in order. Bytes are given as a range, so that no view has to be made of each part. */
export interface PartSink {
  /** @param text latin-1 */
  push(text: string): void;
  pushBytes(bytes: Buffer, start: number, end: number): void;
}

/** Puts a framing around content, part by part. */
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
  // Trailers exist in the chunked framing only; RFC 9110, 6.5.1 allows to drop them elsewhere.
  end() {},
};

const chunkedEncoder: BodyEncoder = {
  content(bytes, start, end, sink) {
    // An empty chunk would be read as the end.
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
