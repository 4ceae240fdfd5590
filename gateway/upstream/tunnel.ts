import type { RequestHandler } from '../downstream/client-stream';
import type { Exchange } from '../downstream/exchange';
import type { UpstreamRequest } from './upstream-request';

export interface TunnelBytes {
  readonly fromClient: number;
  readonly fromUpstream: number;
}

/** Idle timeout of a half-closed tunnel. */
const HALF_CLOSED_MS = 10_000;

/** Relays bytes in both directions until both sides have ended, with backpressure. */
export function openTunnel(
  { client, dataPlane }: Exchange,
  upstreamRequest: UpstreamRequest,
  closed: (bytes: TunnelBytes) => void,
): void {
  let fromClient = 0;
  let fromUpstream = 0;
  let isHalfClosed = false;
  let isOver = false;

  const { connection: upstream, early } = upstreamRequest.takeOver({
    received: relay,
    drained: () => client.resume(),
    ended() {
      client.shutdown();
      halfClose();
    },
    lost() {
      // After both sides have ended, losing the connection is the regular close.
      if (!end()) return;
      client.abort();
    },
  });

  function relay(bytes: Buffer) {
    fromUpstream += bytes.length;
    if (isHalfClosed) client.deadline.set(HALF_CLOSED_MS);
    client.pushBytes(bytes, 0, bytes.length);
    if (!client.flush()) upstream.pause();
  }

  function halfClose() {
    if (isHalfClosed) end();
    isHalfClosed = true;
    client.deadline.set(HALF_CLOSED_MS);
  }

  /** False when it had ended before. */
  function end(): boolean {
    if (isOver) return false;
    isOver = true;
    dataPlane.accessLog.tunnel(-1);
    closed({ fromClient, fromUpstream });
    return true;
  }

  function abort() {
    upstream.destroy();
    if (end()) client.abort();
  }

  const handler: RequestHandler = {
    content(bytes, start, end) {
      fromClient += end - start;
      if (isHalfClosed) client.deadline.set(HALF_CLOSED_MS);
      upstream.pushBytes(bytes, start, end);
    },
    flush() {
      if (!upstream.flush()) client.pause();
    },
    end() {
      upstream.shutdown();
      halfClose();
    },
    drained: () => upstream.resume(),
    disconnected() {
      upstream.release(0);
      end();
    },
    reject: abort,
    timedOut: abort,
  };
  upstreamRequest.attempt.detach();
  dataPlane.accessLog.tunnel(1);
  if (early.length > 0) relay(early);
  else client.flush();
  client.upgrade(handler);
}
