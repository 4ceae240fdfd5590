import { symbols } from 'pino';
import type { Logger } from '#kit/core/log';

/** Gathers whole lines for a log's stream: one write for many requests instead of one for each. */
export interface LineBuffer {
  /** @param line without its line end */
  add(line: string): void;
  /** Writes what there is; called by itself soon after the first line, and when the process exits. */
  flush(): void;
  /** Flushes for the last time. */
  close(): void;
}

/** How late a line may be. */
const FLUSH_MS = 50;
/** A flood is written in pieces of this size: what is kept stays bounded. */
const MOST_CHARACTERS = 64 * 1024;

/** @throws when the logger has no stream of its own to write to */
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
      if (lines.length > MOST_CHARACTERS) flush();
      else if (timer === null) timer = setTimeout(flush, FLUSH_MS);
    },
    flush,
    close() {
      process.off('exit', flush);
      flush();
    },
  };
}

/** The stream pino itself writes to, so that both kinds of lines keep their order and go the same way. */
function streamOf(log: Logger): { write(text: string): unknown } {
  const stream: unknown = Reflect.get(log, symbols.streamSym);
  if (!isWritable(stream)) throw new Error('The access log needs a logger that writes to a stream');
  return stream;
}

const isWritable = (stream: unknown): stream is { write(text: string): unknown } =>
  typeof stream === 'object' && stream !== null && 'write' in stream && typeof stream.write === 'function';
