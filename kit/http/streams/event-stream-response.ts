import type { ShareOwner, Shares } from '../shares/shares';

/** The part of a route's context that streams need. */
export interface StreamContext {
  readonly request: Request;
  /** Null when the app is called without a server. */
  readonly server: StreamServer | null;
}

/** The part of Bun's server that streams need. */
export interface StreamServer {
  requestIP(request: Request): { address: string } | null;
  timeout(request: Request, seconds: number): void;
}

/** `no-transform` and `x-accel-buffering` keep proxies from buffering events. */
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/**
 * Responds with a stream of server-sent events, the only way to do so: its place is charged to its owner, and HEAD gets the
 * head alone: the framework would read a stream to its end for HEAD, to count its bytes.
 *
 * @param open starts the stream, and calls `release` at its end, when its reader has left as well
 * @throws TooManyStreams, StreamShareExceeded
 */
export function eventStreamResponse(
  { request, server }: StreamContext,
  owner: ShareOwner,
  shares: Shares,
  open: (release: () => void) => ReadableStream<Uint8Array>,
): Response {
  if (request.method === 'HEAD') return new Response(null, { headers: HEADERS });
  const release = shares.acquire(owner);
  try {
    const stream = open(release);
    server?.timeout(request, 0);
    return new Response(stream, { headers: HEADERS });
  } catch (failure) {
    release();
    throw failure;
  }
}
