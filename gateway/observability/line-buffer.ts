import { symbols } from 'pino';
import { latin1Buffer } from '#kit/core/latin1-buffer';
import type { Logger } from '#kit/core/log';

/** Buffers lines for a log's stream: one write for many requests instead of one each. */
export interface LineBuffer {
  /** Adds a part of a line. @param text ASCII */
  push(text: string): void;
  /** Ends the line. */
  end(): void;
  /** Writes the complete lines; also called shortly after the first line, and when the process exits. */
  flush(): void;
  /** Flushes, and stops. */
  close(): void;
}

/** Maximum delay of a line. */
const FLUSH_MS = 50;
const CAPACITY = 64 * 1024;
/** Flushed when less is left: a line is shorter, but for what a service's names may be. */
const MIN_ROOM = 4 * 1024;
const NEWLINE = 0x0a;

/** @throws when the logger does not write to a stream */
export function createLineBuffer(log: Logger): LineBuffer {
  const stream = streamOf(log);
  const bytes = latin1Buffer(CAPACITY);
  let length = 0;
  /** Where the line begins that is being added. */
  let lineStart = 0;
  let timer: Timer | null = null;

  function flush() {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (lineStart === 0) return;
    const text = bytes.toString('latin1', 0, lineStart);
    bytes.copyWithin(0, lineStart, length);
    length -= lineStart;
    lineStart = 0;
    stream.write(text);
  }

  process.on('exit', flush);
  return {
    push(text) {
      // What does not fit is cut: the newline of its line does.
      const room = CAPACITY - 1 - length;
      length += bytes.latin1Write(text.length > room ? text.slice(0, room) : text, length);
    },
    end() {
      bytes[length++] = NEWLINE;
      lineStart = length;
      if (CAPACITY - length < MIN_ROOM) flush();
      else if (timer === null) timer = setTimeout(flush, FLUSH_MS);
    },
    flush,
    close() {
      process.off('exit', flush);
      flush();
    },
  };
}

/** The stream of pino itself, so that both kinds of lines keep their order and share a destination. */
function streamOf(log: Logger): { write(text: string): unknown } {
  const stream: unknown = Reflect.get(log, symbols.streamSym);
  if (!isWritable(stream)) throw new Error('The access log requires a logger that writes to a stream');
  return stream;
}

const isWritable = (stream: unknown): stream is { write(text: string): unknown } =>
  typeof stream === 'object' && stream !== null && 'write' in stream && typeof stream.write === 'function';
