import type { ClientSide, RequestHandler } from '../downstream/client-stream';
import type { Plane } from '../proxy/data-plane';
import type { UpstreamTry } from './upstream-request';

export interface TunnelBytes {
  readonly fromClient: number;
  readonly fromUpstream: number;
}

/** After one side has ended, the other may go on as long as bytes flow at least this often. */
const HALF_CLOSED_MS = 10_000;

/** Passes bytes both ways until both sides have ended, each at the other's pace. */
export function openTunnel(
  client: ClientSide,
  upstreamTry: UpstreamTry,
  plane: Plane,
  closed: (bytes: TunnelBytes) => void,
): void {
  let fromClient = 0;
  let fromUpstream = 0;
  let halfClosed = false;
  let over = false;

  const { connection: upstream, early } = upstreamTry.takeOver({
    received: relay,
    drained: () => client.resume(),
    ended() {
      client.shutdown();
      oneSideEnded();
    },
    lost() {
      // When both sides have ended, this is how it was to be.
      if (!end()) return;
      client.abort();
    },
  });

  function relay(bytes: Buffer) {
    fromUpstream += bytes.length;
    if (halfClosed) client.deadline.set(HALF_CLOSED_MS);
    client.pushBytes(bytes, 0, bytes.length);
    if (!client.flush()) upstream.pause();
  }

  function oneSideEnded() {
    if (halfClosed) end();
    halfClosed = true;
    client.deadline.set(HALF_CLOSED_MS);
  }

  /** False when it had ended before. */
  function end(): boolean {
    if (over) return false;
    over = true;
    plane.accessLog.tunnel(-1);
    closed({ fromClient, fromUpstream });
    return true;
  }

  function cut() {
    upstream.destroy();
    if (end()) client.abort();
  }

  const handler: RequestHandler = {
    content(bytes, start, end) {
      fromClient += end - start;
      if (halfClosed) client.deadline.set(HALF_CLOSED_MS);
      upstream.pushBytes(bytes, start, end);
    },
    flush() {
      if (!upstream.flush()) client.pause();
    },
    end() {
      upstream.shutdown();
      oneSideEnded();
    },
    drained: () => upstream.resume(),
    gone() {
      upstream.release(false);
      end();
    },
    refuse: cut,
    timeUp: cut,
  };
  plane.accessLog.tunnel(1);
  if (early.length > 0) relay(early);
  else client.flush();
  client.becomeTunnel(handler);
}
