import type { PartSink } from '../http1/body-encoder';
import type { Deadline } from './deadlines';

/** What an outbox needs of a socket: how many bytes were taken, -1 when it is closed. */
export interface ByteSink {
  write(bytes: Buffer, offset: number, length: number): number;
}

/**
 * The sending side of a socket. What is pushed is gathered; nothing is sent before `flush`. Producers stop while it
 * holds bytes, so that it never holds more than they had in hand.
 */
export interface Outbox extends PartSink {
  /** Sends what was gathered in one piece. False when not all was taken: wait for `onEmpty` before pushing more. */
  flush(): boolean;
  /** To be called when the socket can take bytes again. */
  drained(): void;
  readonly empty: boolean;
}

/**
 * Heads and small bodies are put together here, by all connections in turn: within one `flush`, and nothing of it is
 * kept. A buffer of its own for each write costs more than the write's share of everything else.
 */
const workbench = Buffer.allocUnsafe(64 * 1024);

/**
 * @param sink null as long as there is no socket yet; what is flushed meanwhile is kept
 * @param stall runs out when the peer takes nothing for too long
 * @param onEmpty called after kept bytes have all been sent
 */
export function createOutbox(
  sink: () => ByteSink | null,
  stall: Deadline,
  stallMs: number,
  onEmpty: () => void,
): Outbox {
  const gathered: (string | Buffer)[] = [];
  /** Two for each gathered part: where it starts and ends. */
  const bounds: number[] = [];
  const kept: Buffer[] = [];

  /** @returns where the bytes that were not taken begin */
  function send(bytes: Buffer, start: number, end: number): number {
    const socket = sink();
    if (socket === null) return start;
    const taken = socket.write(bytes, start, end - start);
    // A closed socket takes everything: its close event ends the exchange.
    return taken < 0 ? end : start + taken;
  }

  function keep(bytes: Buffer, start: number, end: number) {
    kept.push(bytes === workbench ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end));
    if (kept.length === 1) stall.set(stallMs);
  }

  function sendGathered() {
    const [first] = gathered;
    const alone = gathered.length === 1 && first !== undefined && typeof first !== 'string';
    const start = alone ? (bounds[0] ?? 0) : 0;
    const end = alone ? (bounds[1] ?? 0) : lengthOf(bounds);
    const bytes = alone ? first : joined(gathered, bounds, end);
    gathered.length = 0;
    bounds.length = 0;
    const sent = kept.length > 0 ? start : send(bytes, start, end);
    if (sent < end) keep(bytes, sent, end);
  }

  return {
    get empty() {
      return kept.length === 0;
    },
    push(text) {
      gathered.push(text);
      bounds.push(0, text.length);
    },
    pushBytes(bytes, start, end) {
      gathered.push(bytes);
      bounds.push(start, end);
    },
    flush() {
      if (gathered.length > 0) sendGathered();
      return kept.length === 0;
    },
    drained() {
      let progress = false;
      for (let next = kept[0]; next !== undefined; next = kept[0]) {
        const sent = send(next, 0, next.length);
        progress ||= sent > 0;
        if (sent < next.length) {
          kept[0] = next.subarray(sent);
          if (progress) stall.set(stallMs);
          return;
        }
        kept.shift();
      }
      stall.clear();
      if (progress) onEmpty();
    },
  };
}

function lengthOf(bounds: readonly number[]): number {
  let length = 0;
  for (let index = 0; index < bounds.length; index += 2)
    length += (bounds[index + 1] ?? 0) - (bounds[index] ?? 0);
  return length;
}

function joined(parts: readonly (string | Buffer)[], bounds: readonly number[], length: number): Buffer {
  const bytes = length <= workbench.length ? workbench : Buffer.allocUnsafe(length);
  let position = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    const start = bounds[index * 2] ?? 0;
    const end = bounds[index * 2 + 1] ?? 0;
    if (typeof part === 'string') bytes.write(part, position, 'latin1');
    else part?.copy(bytes, position, start, end);
    position += end - start;
  }
  return bytes;
}
