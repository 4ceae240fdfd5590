import { symbols } from 'pino';
import type { Logger } from '#kit/core/log';

/** Buffers lines for a log's stream: one write for many requests instead of one each. */
export interface LineBuffer {
  /** @param line without its terminator */
  add(line: string): void;
  /** Writes the buffered lines; also called shortly after the first line, and when the process exits. */
  flush(): void;
  /** Flushes, and stops. */
  close(): void;
}

/** Maximum delay of a line. */
const FLUSH_MS = 50;
/** Maximum size of the buffer. */
const MAX_CHARACTERS = 64 * 1024;

/** @throws when the logger does not write to a stream */
export function createLineBuffer(log: Logger): LineBuffer {
  const stream = streamOf(log);
  let lines = '';
  let timer: Timer | null = null;

  function flush() {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (lines === '') return;
    const text = lines;
    lines = '';
    stream.write(text);
  }

  process.on('exit', flush);
  return {
    add(line) {
      lines += `${line}\n`;
      if (lines.length > MAX_CHARACTERS) flush();
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
