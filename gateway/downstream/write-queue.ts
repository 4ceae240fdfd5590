import { latin1Buffer } from '#kit/core/latin1-buffer';
import type { PartSink } from '../http1/body-encoder';
import type { Deadline } from './deadlines';

/** What a write queue needs of a socket: returns how many bytes were accepted, -1 when it is closed. */
export interface ByteSink {
  write(bytes: Buffer, offset: number, length: number): number;
}

/**
 * The write side of a socket. Pushed parts are collected; nothing is sent before `flush`. Producers stop while it holds
 * unsent bytes, so that its size stays bounded by what they had at hand.
 */
export interface WriteQueue extends PartSink {
  /** Sends the collected parts with one write. False when not everything was accepted: wait for `onEmpty`. */
  flush(): boolean;
  /** To be called when the socket is writable again. */
  drained(): void;
  /** Whether no unsent bytes are left. */
  readonly isEmpty: boolean;
  /** All bytes the socket has accepted so far. */
  readonly acceptedBytes: number;
}

/**
 * Heads and small bodies are assembled here, by all connections in turn: within one `flush`, and nothing of it is
 * retained. A buffer per write costs more than the rest of the write.
 */
const scratch = latin1Buffer(64 * 1024);

/**
 * @param sink null while there is no socket yet; what is flushed meanwhile is queued
 * @param stall expires when the peer accepts no byte for `stallMs`
 * @param onEmpty called after queued bytes have all been sent
 */
export function createWriteQueue(
  sink: () => ByteSink | null,
  stall: Deadline,
  stallMs: number,
  onEmpty: () => void,
): WriteQueue {
  const parts: (string | Buffer)[] = [];
  /** Two per part that is bytes: start and end. */
  const bounds: number[] = [];
  let length = 0;
  const unsent: Buffer[] = [];
  let acceptedBytes = 0;

  /** @returns the position of the first byte that was not accepted */
  function send(bytes: Buffer, start: number, end: number): number {
    const socket = sink();
    if (socket === null) return start;
    const accepted = socket.write(bytes, start, end - start);
    // A closed socket accepts everything: its close event ends the exchange.
    if (accepted < 0) return end;
    acceptedBytes += accepted;
    return start + accepted;
  }

  function enqueue(bytes: Buffer, start: number, end: number) {
    unsent.push(bytes === scratch ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end));
    if (unsent.length === 1) stall.set(stallMs);
  }

  function sendParts() {
    const [first] = parts;
    const isSingle = parts.length === 1 && first !== undefined && typeof first !== 'string';
    const start = isSingle ? (bounds[0] ?? 0) : 0;
    const end = isSingle ? (bounds[1] ?? 0) : length;
    const bytes = isSingle ? first : joined(parts, bounds, length);
    parts.length = 0;
    bounds.length = 0;
    length = 0;
    const sent = unsent.length > 0 ? start : send(bytes, start, end);
    if (sent < end) enqueue(bytes, sent, end);
  }

  return {
    get isEmpty() {
      return unsent.length === 0;
    },
    get acceptedBytes() {
      return acceptedBytes;
    },
    push(text) {
      parts.push(text);
      length += text.length;
    },
    pushBytes(bytes, start, end) {
      parts.push(bytes);
      bounds.push(start, end);
      length += end - start;
    },
    flush() {
      if (parts.length > 0) sendParts();
      return unsent.length === 0;
    },
    drained() {
      let progress = false;
      for (let next = unsent[0]; next !== undefined; next = unsent[0]) {
        const sent = send(next, 0, next.length);
        progress ||= sent > 0;
        if (sent < next.length) {
          unsent[0] = next.subarray(sent);
          if (progress) stall.set(stallMs);
          return;
        }
        unsent.shift();
      }
      stall.clear();
      if (progress) onEmpty();
    },
  };
}

function joined(parts: readonly (string | Buffer)[], bounds: readonly number[], length: number): Buffer {
  const bytes = length <= scratch.length ? scratch : latin1Buffer(length);
  let position = 0;
  let bound = 0;
  for (const part of parts) {
    if (typeof part === 'string') position += bytes.latin1Write(part, position);
    else position += part.copy(bytes, position, bounds[bound++], bounds[bound++]);
  }
  return bytes;
}
