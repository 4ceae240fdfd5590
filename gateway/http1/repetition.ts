import { CR, LF } from './characters';
import type { DerivedText, IncomingRequest } from './message';
import { readRequestLine } from './request-line';
import { type RequestSection, requestOf } from './request-section';

/**
 * Clients repeat the header section of a request with the next one on the same connection, byte by byte: then it is
 * compared instead of parsed. A section is kept when the one before it had the same length.
 *
 * What is kept is of this connection alone, and only of sections that were valid: equal bytes have equal meaning, so a
 * client cannot cause more than a comparison in vain.
 */
export interface Repetition {
  /**
   * Reads a head whose section is the kept one. Null for every other head, which is to be parsed.
   *
   * @throws MalformedMessage as parsing would
   */
  read(bytes: Buffer, offset: number): IncomingRequest | null;
  /** Position after the head, once `read` has returned a request. */
  readonly consumed: number;
  /** A section was parsed that is at `start` up to `end`, its empty line included. */
  observe(section: RequestSection, bytes: Buffer, start: number, end: number): void;
}

/** A connection keeps at most this much. */
const MAX_KEPT_BYTES = 2048;
/** So many sections kept in vain, and the client is one whose sections differ. */
const MAX_FRUITLESS = 8;

interface Kept {
  readonly bytes: Buffer;
  readonly section: RequestSection;
  readonly derived: DerivedText;
}

export function createRepetition(targetBytes: number): Repetition {
  let kept: Kept | null = null;
  let consumed = 0;
  let lastLength = 0;
  let fruitless = 0;

  return {
    get consumed() {
      return consumed;
    },
    read(bytes, offset) {
      if (kept === null || bytes[offset] === CR) return null;
      const start = bytes.indexOf(LF, offset) + 1;
      const end = start + kept.bytes.length;
      if (start === 0 || end > bytes.length) return null;
      if (bytes.compare(kept.bytes, 0, kept.bytes.length, start, end) !== 0) return null;
      const line = readRequestLine(bytes.toString('latin1', offset, start), 0, targetBytes);
      if (line === null) return null;
      fruitless = 0;
      consumed = end;
      return requestOf(line, kept.section, kept.derived);
    },
    observe(section, bytes, start, end) {
      const length = end - start;
      const isLikely = length === lastLength && length <= MAX_KEPT_BYTES && fruitless < MAX_FRUITLESS;
      lastLength = length;
      if (!isLikely) return;
      fruitless++;
      kept = { bytes: Buffer.from(bytes.subarray(start, end)), section, derived: { upstreamLines: null } };
    },
  };
}
