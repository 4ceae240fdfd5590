import { CR, FIELD_VALUE, HEX_VALUE, LF, SEMICOLON } from './characters';
import { emptySection, readFieldLines } from './field-lines';
import type { Framing } from './framing';
import { MalformedMessage } from './malformed-message';
import type { FieldLimits, HeaderList } from './message';

/** Receives the content of a body in order, as ranges of the received bytes. */
export interface ContentReceiver {
  content(bytes: Buffer, start: number, end: number): void;
}

/** Finds the end of one body, and removes its framing. */
export interface BodyDecoder {
  /**
   * Decodes from `offset`, and passes on the content.
   *
   * @returns the position of the first byte after the body
   * @throws MalformedMessage
   */
  decode(bytes: Buffer, offset: number, receiver: ContentReceiver): number;
  readonly done: boolean;
  readonly trailers: HeaderList;
}

const TRAILER_LIMITS: FieldLimits = { fieldBytes: 8 * 1024, fieldCount: 32 };
const NO_TRAILERS: HeaderList = [];
/** Hexadecimal size, extensions and CR LF. */
const MAX_SIZE_LINE_BYTES = 256;
/** Twelve hexadecimal digits are exact as a JavaScript number. */
const MAX_SIZE_DIGITS = 12;
/**
 * A chunk's size line may have this many bytes plus twice its content; the excess of all lines is bounded: otherwise a
 * body could consist almost entirely of extensions. The rule of Go's net/http (CVE-2023-39326).
 */
const FREE_SIZE_LINE_BYTES = 16;
const MAX_EXCESS_BYTES = 16 * 1024;

export function createBodyDecoder(framing: Framing): BodyDecoder {
  switch (framing.kind) {
    case 'none':
      return NO_BODY_DECODER;
    case 'length':
      return new LengthDecoder(framing.length);
    case 'until-close':
      return new LengthDecoder(Number.POSITIVE_INFINITY);
    case 'chunked':
      return chunkedDecoder();
  }
}

const NO_BODY_DECODER: BodyDecoder = { done: true, trailers: NO_TRAILERS, decode: (_, offset) => offset };

/** A class, because there is one for almost every message: closures would be three more objects. */
class LengthDecoder implements BodyDecoder {
  readonly trailers = NO_TRAILERS;
  constructor(private left: number) {}

  get done() {
    return this.left === 0;
  }

  decode(bytes: Buffer, offset: number, receiver: ContentReceiver): number {
    const end = Math.min(bytes.length, offset + this.left);
    if (end === offset) return offset;
    this.left -= end - offset;
    receiver.content(bytes, offset, end);
    return end;
  }
}

type ChunkPart = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done';

/** RFC 9112, 7.1. Extensions are ignored, as a recipient that does not support them must. */
function chunkedDecoder(): BodyDecoder {
  let part: ChunkPart = 'size';
  let size = 0;
  let digits = 0;
  let lineBytes = 0;
  let excessBytes = 0;
  let trailerText = '';
  const trailers = emptySection(TRAILER_LIMITS);

  function readSizeByte(code: number) {
    if (++lineBytes > MAX_SIZE_LINE_BYTES) throw new MalformedMessage(400, 'Chunk extension too long');
    if (part === 'size-lf') {
      if (code !== LF) throw new MalformedMessage(400, 'A chunk size must end with CR LF');
      part = size === 0 ? 'trailers' : 'data';
      excessBytes = Math.max(0, excessBytes + lineBytes - FREE_SIZE_LINE_BYTES - 2 * size);
      if (excessBytes > MAX_EXCESS_BYTES)
        throw new MalformedMessage(400, 'Chunk extensions exceed the content');
      return;
    }
    const digit = part === 'size' ? (HEX_VALUE[code] ?? -1) : -1;
    if (digit >= 0) {
      if (++digits > MAX_SIZE_DIGITS) throw new MalformedMessage(400, 'Chunk too large');
      size = size * 16 + digit;
      return;
    }
    if (digits === 0) throw new MalformedMessage(400, 'A chunk must begin with its size');
    if (code === CR) part = 'size-lf';
    else if (part === 'size' && code !== SEMICOLON) {
      throw new MalformedMessage(400, 'A chunk size must be a hexadecimal number');
    } else if (FIELD_VALUE[code] !== 1)
      throw new MalformedMessage(400, 'A chunk extension contains a control character');
    else part = 'extension';
  }

  function readDataEnd(code: number) {
    if (code !== (part === 'data-cr' ? CR : LF))
      throw new MalformedMessage(400, 'A chunk must end with CR LF');
    if (part === 'data-cr') {
      part = 'data-lf';
      return;
    }
    part = 'size';
    size = 0;
    digits = 0;
    lineBytes = 0;
  }

  function readTrailers(bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + TRAILER_LIMITS.fieldBytes);
    trailerText += bytes.toString('latin1', offset, end);
    trailerText = trailerText.slice(readFieldLines(trailerText, 0, trailers));
    if (!trailers.complete) return end;
    part = 'done';
    return end - trailerText.length;
  }

  return {
    get done() {
      return part === 'done';
    },
    get trailers() {
      return trailers.fields;
    },
    decode(bytes, offset, receiver) {
      let position = offset;
      while (position < bytes.length && part !== 'done') {
        if (part === 'data') {
          const end = Math.min(bytes.length, position + size);
          size -= end - position;
          receiver.content(bytes, position, end);
          position = end;
          if (size === 0) part = 'data-cr';
        } else if (part === 'trailers') {
          position = readTrailers(bytes, position);
        } else {
          const code = bytes[position++] ?? 0;
          if (part === 'data-cr' || part === 'data-lf') readDataEnd(code);
          else readSizeByte(code);
        }
      }
      return position;
    },
  };
}
