import type { Socket } from 'bun';
import type { InternalTls } from '#kit/core/internal-tls';
import type { DeadlineClock } from '../downstream/deadlines';
import { createWriteQueue } from '../downstream/write-queue';
import type { PartSink } from '../http1/body-encoder';
import { createResponseHeadReader, type ResponseHeadReader } from '../http1/response-head';
import type { DataPlaneLimits } from '../model/limits';

/** The current user of an upstream connection, notified of its events. */
export interface UpstreamUser {
  received(bytes: Buffer): void;
  /** Queued bytes have been sent: writing may continue. */
  drained(): void;
  /** The instance has ended its side. */
  ended(): void;
  /** Lost without `release` or `destroy`. `connected` is false when it was never established. */
  lost(connected: boolean): void;
}

/** One connection to an instance, used by one request at a time. */
export interface UpstreamConnection extends PartSink {
  /** Whether an earlier request used it: then the instance may be closing it just now. */
  readonly reused: boolean;
  /** Since when it is idle, in monotonic milliseconds. */
  readonly idleSinceMs: number;
  /** Whether any byte of its current user may have been sent. */
  readonly hasSent: boolean;
  /** Reader of response heads: at the beginning of one whenever a request begins. */
  readonly reader: ResponseHeadReader;
  /** False when not everything was accepted: wait for `drained`. */
  flush(): boolean;
  pause(): void;
  resume(): void;
  /** Sends FIN after pending bytes. */
  shutdown(): void;
  /** From now on `user` is notified. */
  use(user: UpstreamUser): void;
  /** Ends its use; it returns to the pool for at most `idleMs`, if possible. 0 closes it. */
  release(idleMs: number): void;
  /** Closes it at once. */
  destroy(): void;
  /** Removes it from the pool: a tunnel does not count against the connection limit. */
  detach(): void;
}

/** A connection's callbacks to its pool. */
export interface PoolMembership {
  report(failure: unknown): void;
  /** False when it cannot be pooled. */
  idle(): boolean;
  removed(wasIdle: boolean): void;
}

export interface UpstreamConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Null for plain text. */
  readonly tls: UpstreamTls | null;
  readonly limits: DataPlaneLimits;
  readonly clock: DeadlineClock;
}

/** How the certificate of an instance is verified. */
interface UpstreamTls {
  readonly ca?: string;
  readonly serverName: string;
  readonly rejectUnauthorized: true;
}

/** Without an authority of its own, no certificate for an internal name is valid. */
export const upstreamTls = (tls: InternalTls | null, serverName: string): UpstreamTls => ({
  ...(tls !== null && { ca: tls.ca }),
  serverName,
  rejectUnauthorized: true,
});

type UpstreamSocket = Socket<SocketEvents>;

interface SocketEvents {
  /** TCP is connected; a TLS handshake follows. */
  connected(socket: UpstreamSocket): void;
  opened(socket: UpstreamSocket): void;
  received(bytes: Buffer): void;
  drained(): void;
  ended(): void;
  closed(): void;
  failed(failure: Error): void;
}

/** Shared by all connections: the socket's data is the connection of an event. */
const SOCKET_HANDLERS = {
  open: (socket: UpstreamSocket) => socket.data.opened(socket),
  data: (socket: UpstreamSocket, bytes: Buffer) => socket.data.received(bytes),
  drain: (socket: UpstreamSocket) => socket.data.drained(),
  end: (socket: UpstreamSocket) => socket.data.ended(),
  close: (socket: UpstreamSocket) => socket.data.closed(),
  error: (socket: UpstreamSocket, failure: Error) => socket.data.failed(failure),
};

/** With a handler of the handshake, `open` precedes it. */
const TLS_SOCKET_HANDLERS = {
  ...SOCKET_HANDLERS,
  open: (socket: UpstreamSocket) => socket.data.connected(socket),
  handshake(socket: UpstreamSocket, isVerified: boolean) {
    if (isVerified) socket.data.opened(socket);
    else socket.data.closed();
  },
};

export function openUpstreamConnection(
  { host, port, tls, limits, clock }: UpstreamConnectionOptions,
  membership: PoolMembership,
): UpstreamConnection {
  let socket: UpstreamSocket | null = null;
  let user: UpstreamUser | null = null;
  let state: 'connecting' | 'open' | 'closed' = 'connecting';
  let isPooled = true;
  let isIdle = false;
  let reused = false;
  let idleSinceMs = 0;
  let acceptedBefore = 0;
  let paused = false;
  let isShutdownRequested = false;
  // The connect timeout, later the idle timeout: never both.
  const timeout = clock.create(() => lose());
  const stall = clock.create(() => lose());
  const writeQueue = createWriteQueue(
    () => (state === 'open' ? socket : null),
    stall,
    limits.writeStallMs,
    () => {
      if (isShutdownRequested) socket?.shutdown();
      else user?.drained();
    },
  );

  /** Closes it, and notifies its user. */
  function lose() {
    const lostUser = user;
    const connected = state === 'open';
    destroy();
    lostUser?.lost(connected);
  }

  function removeFromPool() {
    state = 'closed';
    user = null;
    timeout.dispose();
    stall.dispose();
    if (isPooled) membership.removed(isIdle);
  }

  function destroy() {
    if (state === 'closed') return;
    removeFromPool();
    socket?.terminate();
  }

  const events: SocketEvents = {
    connected(newSocket) {
      socket = newSocket;
      if (state === 'closed') newSocket.terminate();
    },
    opened(openSocket) {
      this.connected(openSocket);
      if (state === 'closed') return;
      state = 'open';
      openSocket.setNoDelay(true);
      timeout.clear();
      if (paused) openSocket.pause();
      writeQueue.drained();
    },
    received(bytes) {
      // Unsolicited bytes would be read as the response to the next request.
      if (user === null) destroy();
      else user.received(bytes);
    },
    drained: () => writeQueue.drained(),
    ended() {
      if (user === null) destroy();
      else user.ended();
    },
    closed: lose,
    failed(failure) {
      membership.report(failure);
      lose();
    },
  };

  timeout.set(limits.connectMs);
  const options = { hostname: host, port, allowHalfOpen: true, data: events };
  const connecting =
    tls === null
      ? Bun.connect<SocketEvents>({ ...options, socket: SOCKET_HANDLERS })
      : Bun.connect<SocketEvents>({ ...options, socket: TLS_SOCKET_HANDLERS, tls });
  connecting.catch(lose);

  return {
    get reused() {
      return reused;
    },
    get idleSinceMs() {
      return idleSinceMs;
    },
    get hasSent() {
      return writeQueue.acceptedBytes > acceptedBefore;
    },
    use(next) {
      user = next;
      acceptedBefore = writeQueue.acceptedBytes;
      isIdle = false;
      if (state === 'open') timeout.clear();
    },
    reader: createResponseHeadReader(limits),
    push: writeQueue.push,
    pushBytes: writeQueue.pushBytes,
    flush: writeQueue.flush,
    pause() {
      paused = true;
      // Before, it would suspend the TLS handshake.
      if (state === 'open') socket?.pause();
    },
    resume() {
      if (!paused) return;
      paused = false;
      socket?.resume();
    },
    shutdown() {
      isShutdownRequested = true;
      if (writeQueue.flush() && state === 'open') socket?.shutdown();
    },
    release(idleMs) {
      user = null;
      reused = true;
      if (state === 'closed') return;
      if (paused) this.resume();
      const reusableMs = Math.min(idleMs, limits.upstreamIdleMs);
      if (reusableMs > 0 && state === 'open' && writeQueue.isEmpty && membership.idle()) {
        isIdle = true;
        idleSinceMs = performance.now();
        timeout.set(reusableMs);
        return;
      }
      removeFromPool();
      socket?.end();
    },
    destroy,
    detach() {
      if (isPooled) membership.removed(false);
      isPooled = false;
    },
  };
}
