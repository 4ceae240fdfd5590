import type { Part } from '../http1/body-encoder';
import type { Deadline } from './deadlines';

/** What an outbox needs of a socket: how many bytes were taken, -1 when it is closed. */
export interface ByteSink {
  write(bytes: Buffer): number;
}

/** The sending side of a socket. Producers stop while it holds bytes, so that it never holds more than they had in hand. */
export interface Outbox {
  /** Gathers; nothing is sent before `flush`. Text is latin-1. */
  push(part: Part): void;
  /** Sends what was gathered in one piece. False when not all was taken: wait for `onEmpty` before pushing more. */
  flush(): boolean;
  /** To be called when the socket can take bytes again. */
  drained(): void;
  readonly empty: boolean;
}

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
  const gathered: Part[] = [];
  const kept: Buffer[] = [];

  function send(bytes: Buffer): Buffer | null {
    const socket = sink();
    if (socket === null) return bytes;
    const taken = socket.write(bytes);
    // A closed socket takes everything: its close event ends the exchange.
    if (taken < 0 || taken >= bytes.length) return null;
    return taken === 0 ? bytes : bytes.subarray(taken);
  }

  return {
    get empty() {
      return kept.length === 0;
    },
    push(part) {
      gathered.push(part);
    },
    flush() {
      if (gathered.length > 0) {
        const bytes = joined(gathered);
        gathered.length = 0;
        const rest = kept.length > 0 ? bytes : send(bytes);
        if (rest !== null) {
          kept.push(rest);
          if (kept.length === 1) stall.set(stallMs);
        }
      }
      return kept.length === 0;
    },
    drained() {
      let progress = false;
      for (let next = kept[0]; next !== undefined; next = kept[0]) {
        const rest = send(next);
        progress ||= rest !== next;
        if (rest !== null) {
          kept[0] = rest;
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

function joined(parts: readonly Part[]): Buffer {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && typeof first !== 'string') return first;
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(length);
  let position = 0;
  for (const part of parts) {
    if (typeof part === 'string') bytes.write(part, position, 'latin1');
    else bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
