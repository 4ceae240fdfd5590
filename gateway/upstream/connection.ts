import type { Socket } from 'bun';
import type { DeadlineClock } from '../downstream/deadlines';
import { createOutbox } from '../downstream/write-queue';
import type { PartSink } from '../http1/body-encoder';
import { createResponseHeadReader, type ResponseHeadReader } from '../http1/response-head';
import type { PlaneLimits } from '../model/limits';

/** Who uses an upstream connection at the moment, and hears what happens on it. */
export interface UpstreamUser {
  received(bytes: Buffer): void;
  /** What was kept has been sent: go on writing. */
  drained(): void;
  /** The instance will send nothing more. */
  ended(): void;
  /** Gone for good, without `release` or `destroy`. `connected` is false when it never came to be. */
  lost(connected: boolean): void;
}

/** One connection to an instance, used by one request at a time. */
export interface UpstreamConnection extends PartSink {
  /** Whether an earlier request used it: then the instance may be closing it just now. */
  readonly reused: boolean;
  /** Of the responses' heads: at the beginning of one whenever a request begins. */
  readonly reader: ResponseHeadReader;
  /** False when not all was taken: wait for `drained`. */
  flush(): boolean;
  pause(): void;
  resume(): void;
  /** Sends FIN behind what is still to be sent. */
  shutdown(): void;
  /** From now on `user` hears what happens. */
  use(user: UpstreamUser): void;
  /** Ends its use; it serves a further request when it can. */
  release(reusable: boolean): void;
  /** Ends it at once, in the middle of what it does. */
  destroy(): void;
  /** From now on it is no connection of the pool: a tunnel does not count against its bound. */
  detach(): void;
}

/** How a connection tells its pool where it belongs. */
export interface Membership {
  report(failure: unknown): void;
  /** False when it cannot be kept idle. */
  idle(): boolean;
  left(wasIdle: boolean): void;
}

type UpstreamSocket = Socket<SocketEvents>;

interface SocketEvents {
  opened(socket: UpstreamSocket): void;
  received(bytes: Buffer): void;
  drained(): void;
  ended(): void;
  closed(): void;
  failed(failure: Error): void;
}

/** Shared by all connections: the one an event belongs to is the socket's data. */
const SOCKET_HANDLERS = {
  open: (socket: UpstreamSocket) => socket.data.opened(socket),
  data: (socket: UpstreamSocket, bytes: Buffer) => socket.data.received(bytes),
  drain: (socket: UpstreamSocket) => socket.data.drained(),
  end: (socket: UpstreamSocket) => socket.data.ended(),
  close: (socket: UpstreamSocket) => socket.data.closed(),
  error: (socket: UpstreamSocket, failure: Error) => socket.data.failed(failure),
};

export function openUpstreamConnection(
  host: string,
  port: number,
  limits: PlaneLimits,
  clock: DeadlineClock,
  membership: Membership,
): UpstreamConnection {
  let socket: UpstreamSocket | null = null;
  let user: UpstreamUser | null = null;
  let state: 'connecting' | 'open' | 'gone' = 'connecting';
  let pooled = true;
  let idle = false;
  let reused = false;
  let paused = false;
  let shutdownAsked = false;
  // While connecting: may take `connectMs`. While idle: `upstreamIdleMs`. Never both.
  const patience = clock.create(() => lose());
  const stall = clock.create(() => lose());
  const outbox = createOutbox(
    () => (state === 'open' ? socket : null),
    stall,
    limits.writeStallMs,
    () => {
      if (shutdownAsked) socket?.shutdown();
      else user?.drained();
    },
  );

  /** Ends it from our side, and tells whoever uses it. */
  function lose() {
    const loser = user;
    const connected = state === 'open';
    destroy();
    loser?.lost(connected);
  }

  function leave() {
    state = 'gone';
    user = null;
    patience.dispose();
    stall.dispose();
    if (pooled) membership.left(idle);
  }

  function destroy() {
    if (state === 'gone') return;
    leave();
    socket?.terminate();
  }

  const events: SocketEvents = {
    opened(openSocket) {
      socket = openSocket;
      if (state === 'gone') {
        openSocket.terminate();
        return;
      }
      state = 'open';
      openSocket.setNoDelay(true);
      patience.clear();
      if (paused) openSocket.pause();
      outbox.drained();
    },
    received(bytes) {
      // An instance that speaks without being asked cannot be trusted with the next request.
      if (user === null) destroy();
      else user.received(bytes);
    },
    drained: () => outbox.drained(),
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

  patience.set(limits.connectMs);
  const options = { hostname: host, port, allowHalfOpen: true, data: events, socket: SOCKET_HANDLERS };
  Bun.connect<SocketEvents>(options).catch(lose);

  return {
    get reused() {
      return reused;
    },
    use(next) {
      user = next;
      idle = false;
      if (state === 'open') patience.clear();
    },
    reader: createResponseHeadReader(limits),
    push: outbox.push,
    pushBytes: outbox.pushBytes,
    flush: outbox.flush,
    pause() {
      paused = true;
      socket?.pause();
    },
    resume() {
      if (!paused) return;
      paused = false;
      socket?.resume();
    },
    shutdown() {
      shutdownAsked = true;
      if (outbox.flush()) socket?.shutdown();
    },
    release(reusable) {
      user = null;
      reused = true;
      if (state === 'gone') return;
      if (paused) this.resume();
      if (reusable && state === 'open' && outbox.empty && membership.idle()) {
        idle = true;
        patience.set(limits.upstreamIdleMs);
        return;
      }
      leave();
      socket?.end();
    },
    destroy,
    detach() {
      if (pooled) membership.left(false);
      pooled = false;
    },
  };
}
