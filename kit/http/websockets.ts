import type { Server, ServerWebSocket, WebSocketHandler } from 'bun';

/** One WebSocket as the server sees it, told by its own `WebSocketEvents`: what services need of Bun's. */
export type ServerSocket = Pick<
  ServerWebSocket<WebSocketEvents>,
  'readyState' | 'getBufferedAmount' | 'send' | 'ping' | 'close' | 'terminate'
> & { cork(work: (socket: ServerSocket) => unknown): unknown };

/** What happens to one connection. Each is called in the order of the bytes, never at the same time as another. */
export interface WebSocketEvents {
  open(socket: ServerSocket): void;
  /** Text that is valid UTF-8, or bytes. */
  message(message: string | Buffer): void;
  pong(): void;
  /** What had to wait in the send queue is on its way. */
  drain(): void;
  /** Once, however it ended; 1006 where no close frame came (RFC 6455, 7.1.5). */
  close(code: number): void;
}

/** Larger frames, or messages of many frames, are answered with close code 1009 (RFC 6455, 7.4.1). */
export const MESSAGE_BYTES = 64 * 1024;
/** Far above what any service lets wait: Bun drops silently beyond it, so services have to look at the queue first. */
const SEND_QUEUE_BYTES = 16 * 1024 * 1024;
/** Longer than any service's own ping. */
const IDLE_TIMEOUT_SECONDS = 120;
/** A connection that is to be closed may take so long to read what was sent before. */
const CLOSE_DEADLINE_MS = 5_000;
const CLOSE_LOOK_MS = 50;

/** For `Bun.serve`: hands everything on to the connection it happens to. Compression is off: it costs 300 KB each. */
export const webSocketHandler: WebSocketHandler<WebSocketEvents> = {
  maxPayloadLength: MESSAGE_BYTES,
  backpressureLimit: SEND_QUEUE_BYTES,
  closeOnBackpressureLimit: true,
  idleTimeout: IDLE_TIMEOUT_SECONDS,
  sendPings: false,
  perMessageDeflate: false,
  open: (socket) => socket.data.open(socket),
  message: (socket, message) => socket.data.message(message),
  pong: (socket) => socket.data.pong(),
  drain: (socket) => socket.data.drain(),
  close: (socket, code) => socket.data.close(code),
};

/**
 * Turns the request being answered into a WebSocket; the route then returns nothing.
 *
 * @param server of the route's context: the one `serveHttp` made
 * @param protocol the subprotocol chosen from those the client offered; null where it offered none
 * @returns false when the request is not a complete WebSocket handshake
 */
export function upgradeToWebSocket(
  request: Request,
  server: unknown,
  options: { events: WebSocketEvents; protocol: string | null },
): boolean {
  if (!isServer(server)) return false;
  return server.upgrade(request, {
    data: options.events,
    ...(options.protocol !== null && { headers: { 'sec-websocket-protocol': options.protocol } }),
  });
}

/**
 * Closes with a code once the send queue is empty, or cuts the connection when the other side does not read in time.
 * Not at once: Bun 1.4.4 cannot cut a connection any more that was closed with a full queue, and keeps its descriptor
 * until the idle timeout.
 */
export function closeSocket(socket: ServerSocket, code: number, reason: string): void {
  if (socket.getBufferedAmount() === 0) {
    socket.close(code, reason);
    return;
  }
  const deadline = performance.now() + CLOSE_DEADLINE_MS;
  const look = setInterval(() => {
    const late = performance.now() > deadline;
    if (socket.readyState === WebSocket.OPEN && !late && socket.getBufferedAmount() > 0) return;
    clearInterval(look);
    if (late) socket.terminate();
    else socket.close(code, reason);
  }, CLOSE_LOOK_MS);
}

/** Elysia's own type of the server knows nothing of the data of our connections. */
const isServer = (server: unknown): server is Server<WebSocketEvents> =>
  typeof server === 'object' && server !== null && 'upgrade' in server;
