import { connect, type Socket } from 'node:net';
import { eventually } from './eventually';

export const TEXT = 1;
export const CLOSE = 8;
export const PING = 9;

export interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A hand-written WebSocket client, for frames that no client library sends; it sends nothing automatically. */
export interface RawWebSocket {
  readonly socket: Socket;
  readonly frames: readonly RawFrame[];
  /** The code of the received close frame. */
  closeCode(deadlineMs?: number): Promise<number>;
}

/** One frame with its mask (RFC 6455, 5.2). */
export function rawFrame(
  opcode: number,
  payload: string | Buffer,
  options: { final?: boolean; masked?: boolean; reserved?: number } = {},
): Buffer {
  const { final = true, masked = true, reserved = 0 } = options;
  const body = new Uint8Array(typeof payload === 'string' ? Buffer.from(payload) : payload);
  const mask = masked ? Buffer.from([7, 11, 13, 17]) : Buffer.alloc(0);
  const first = (final ? 0x80 : 0) | reserved | opcode;
  const flag = masked ? 0x80 : 0;
  const length = body.length;
  const head =
    length < 126
      ? Buffer.from([first, flag | length])
      : length < 65_536
        ? Buffer.from([first, flag | 126, length >> 8, length & 0xff])
        : Buffer.from([first, flag | 127, 0, 0, 0, 0, ...uint32(length)]);
  if (masked)
    for (let index = 0; index < length; index++) body[index] = (body[index] ?? 0) ^ (mask[index % 4] ?? 0);
  return Buffer.concat([head, mask, body]);
}

const uint32 = (value: number) => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];

/** Performs the handshake and reads frames; resolves when the server has accepted. */
export async function openRawWebSocket(base: string, path: string): Promise<RawWebSocket> {
  const { hostname, port, host } = new URL(base);
  const socket = connect({ host: hostname, port: Number(port) });
  const frames: RawFrame[] = [];
  let bytes = Buffer.alloc(0);
  let isOpen = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, typeof chunk === 'string' ? Buffer.from(chunk) : chunk]);
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      isOpen = bytes.toString('latin1', 0, 12) === 'HTTP/1.1 101';
      bytes = bytes.subarray(end + 4);
    }
    bytes = takeFrames(bytes, frames);
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await eventually(() => isOpen);
  return {
    socket,
    frames,
    async closeCode(deadlineMs) {
      const find = () => frames.find(({ opcode }) => opcode === CLOSE);
      await eventually(() => find() !== undefined, deadlineMs);
      return find()?.payload.readUInt16BE(0) ?? 0;
    },
  };
}

/** @returns the bytes of an incomplete frame */
function takeFrames(bytes: Buffer<ArrayBuffer>, frames: RawFrame[]): Buffer<ArrayBuffer> {
  let rest = bytes;
  while (rest.length >= 2) {
    const short = (rest[1] ?? 0) & 0x7f;
    const headLength = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (rest.length < headLength) return rest;
    const length =
      short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    if (rest.length < headLength + length) return rest;
    frames.push({
      opcode: (rest[0] ?? 0) & 0x0f,
      payload: Buffer.from(rest.subarray(headLength, headLength + length)),
    });
    rest = rest.subarray(headLength + length);
  }
  return rest;
}
