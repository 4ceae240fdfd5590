import type { HeaderList } from '../decision';
import type { Framing } from './framing';

/** Where encoded parts go; text is latin-1. */
export type Part = Buffer | string;

/** Puts a framing around content, part by part. */
export interface BodyEncoder {
  content(span: Buffer, push: (part: Part) => void): void;
  end(trailers: HeaderList, push: (part: Part) => void): void;
}

export const createBodyEncoder = (framing: Framing): BodyEncoder =>
  framing.kind === 'chunked' ? chunkedEncoder : plainEncoder;

const plainEncoder: BodyEncoder = {
  content(span, push) {
    push(span);
  },
  // Trailers exist in the chunked framing only; RFC 9110, 6.5.1 allows to drop them elsewhere.
  end() {},
};

const chunkedEncoder: BodyEncoder = {
  content(span, push) {
    // An empty chunk would be read as the end.
    if (span.length === 0) return;
    push(`${span.length.toString(16)}\r\n`);
    push(span);
    push('\r\n');
  },
  end(trailers, push) {
    let text = '0\r\n';
    for (const [name, value] of trailers) text += `${name}: ${value}\r\n`;
    push(`${text}\r\n`);
  },
};
