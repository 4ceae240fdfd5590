import { DECODED_AT_ONCE, emptySection, readFieldLines } from './field-lines';
import type { HeadLimits, IncomingRequest } from './message';
import { createRepetition } from './repetition';
import { emptyLineBefore, type RequestLine, readRequestLine } from './request-line';
import { requestOf, sectionOf } from './request-section';

export interface RequestHeadReader {
  /**
   * Reads from `offset`.
   *
   * @returns the request once its head is complete, else null (then all bytes have been consumed)
   * @throws MalformedMessage
   */
  read(bytes: Buffer, offset: number): IncomingRequest | null;
  /** Position after the head, once `read` has returned a request. */
  readonly consumed: number;
  /** Whether part of a head has been read. */
  readonly started: boolean;
}

/** Reads successive request heads from one connection. Buffers at most one head within its limits. */
export function createRequestHeadReader(limits: HeadLimits): RequestHeadReader {
  const maxHeadBytes = limits.targetBytes + limits.fieldBytes + 64;
  const repetition = createRepetition(limits.targetBytes);
  let text = '';
  let emptyLineSkipped = false;
  let line: RequestLine | null = null;
  let fields = emptySection(limits);
  let consumed = 0;

  function readLines(): boolean {
    let position = 0;
    if (line === null) {
      if (!emptyLineSkipped) {
        const skipped = emptyLineBefore(text);
        if (skipped === null) return false;
        emptyLineSkipped = skipped > 0;
        position = skipped;
      }
      line = readRequestLine(text, position, limits.targetBytes);
      position = line?.end ?? position;
    }
    if (line !== null) position = readFieldLines(text, position, fields);
    if (position > 0) text = text.slice(position);
    return fields.complete;
  }

  /** @param isInOnePacket whether `bytes` holds all of the head */
  function complete(line: RequestLine, bytes: Buffer, isInOnePacket: boolean): IncomingRequest {
    const section = sectionOf(fields.fields);
    const request = requestOf(line, section);
    if (isInOnePacket) repetition.observe(section, bytes, consumed - fields.bytes, consumed);
    return request;
  }

  function reset() {
    text = '';
    line = null;
    emptyLineSkipped = false;
    fields = emptySection(limits);
  }

  return {
    get consumed() {
      return consumed;
    },
    get started() {
      return text !== '' || line !== null;
    },
    read(bytes, offset) {
      const isStart = text === '' && line === null && !emptyLineSkipped;
      if (isStart) {
        const repeated = repetition.read(bytes, offset);
        if (repeated !== null) {
          consumed = repetition.consumed;
          return repeated;
        }
      }
      const end = Math.min(bytes.length, offset + maxHeadBytes);
      for (let decoded = offset; decoded < end; ) {
        const next = Math.min(end, decoded + DECODED_AT_ONCE);
        text += bytes.toString('latin1', decoded, next);
        decoded = next;
        if (!readLines() || line === null) continue;
        consumed = decoded - text.length;
        const request = complete(line, bytes, isStart);
        reset();
        return request;
      }
      consumed = end;
      return null;
    },
  };
}
