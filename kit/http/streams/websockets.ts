import type { Server, ServerWebSocket, WebSocketHandler } from 'bun';

/** The server side of a WebSocket: the part of Bun's that services need. */
export type ServerSocket = Pick<
  ServerWebSocket<WebSocketEvents>,
  'readyState' | 'getBufferedAmount' | 'send' | 'ping' | 'close' | 'terminate'
> & { cork(work: (socket: ServerSocket) => unknown): unknown };

/** The events of one connection. Called in order, never concurrently. */
export interface WebSocketEvents {
  open(socket: ServerSocket): void;
  /** Valid UTF-8 text, or bytes. */
  message(message: string | Buffer): void;
  pong(): void;
  /** The send queue has been flushed. */
  drain(): void;
  /** Called once; 1006 without a close frame (RFC 6455, section 7.1.5). */
  close(code: number): void;
}

/** Larger messages close the connection with 1009 (RFC 6455, section 7.4.1). */
export const MESSAGE_BYTES = 64 * 1024;
/** Far above the limits of services: Bun drops messages silently beyond it, so services check the queue first. */
const SEND_QUEUE_BYTES = 16 * 1024 * 1024;
/** Longer than the ping interval of any service. */
const IDLE_TIMEOUT_SECONDS = 120;
/** How long a client may take to read its send queue before the connection is cut. */
const CLOSE_DEADLINE_MS = 5_000;
const CLOSE_CHECK_MS = 50;

/** For `Bun.serve`: dispatches events to their connection. Compression is off: it costs 300 KB per connection. */
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
 * Upgrades a request to a WebSocket; the route then returns nothing.
 *
 * @param server the server of the route's context, from `serveHttp`
 * @param options.protocol the subprotocol selected from those the client offered; null when it offered none
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
 * Closes a connection once its send queue is empty, or cuts it when the client does not read it in time. Not immediately:
 * Bun 1.4.4 cannot cut a connection that was closed with a full queue, and leaks its descriptor until the idle timeout.
 */
export function closeSocket(socket: ServerSocket, code: number, reason: string): void {
  if (socket.getBufferedAmount() === 0) {
    socket.close(code, reason);
    return;
  }
  const deadline = performance.now() + CLOSE_DEADLINE_MS;
  const timer = setInterval(() => {
    const late = performance.now() > deadline;
    if (socket.readyState === WebSocket.OPEN && !late && socket.getBufferedAmount() > 0) return;
    clearInterval(timer);
    if (late) socket.terminate();
    else socket.close(code, reason);
  }, CLOSE_CHECK_MS);
}

/** Elysia's type of the server does not include the data of our connections. */
const isServer = (server: unknown): server is Server<WebSocketEvents> =>
  typeof server === 'object' && server !== null && 'upgrade' in server;
