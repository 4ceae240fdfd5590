import { Gauge } from 'prom-client';
import { bearerTokenIn } from '../../auth/bearer';
import type { Caller } from '../../auth/caller';
import type { TokenVerifier } from '../../auth/tokens';
import { createWorkQueue, type WorkQueue } from '../../core/queues/work-queue';
import type { Runtime } from '../../core/runtime';
import { Unauthenticated } from '../../errors/problem';
import { createShares, ownerOf, type ShareLimits, type ShareOwner, STREAM_PROBLEMS } from '../shares/shares';
import { eventStreamResponse, type StreamContext } from './event-stream-response';
import { commentFrame, eventFrame, positionFrame, retryFrame } from './sse';

/** Servers and proxies close idle streams after about 10 s: a keep-alive comment is sent before that. */
const COMMENT_EVERY_MS = 5_000;
/** A client that reads nothing for this long is disconnected; it resumes at its position when it reconnects. */
const STALLED_MS = 15_000;
const TICK_MS = 1_000;
const RECONNECT_MS = 1_000;
/** Many streams wake at the same time; the database also serves requests. */
const MAX_CONCURRENT_READS = 8;

export interface StreamEvent {
  readonly id: string;
  readonly name: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

export interface StreamBatch {
  readonly events: readonly StreamEvent[];
  /** The end of the batch, whether or not the client may see its events: the id to resume from. */
  readonly position: string;
  /** Whether more events are available. */
  readonly more: boolean;
}

/** What a request says about the stream it opens; from `streamRequestOf`. */
export interface StreamRequest {
  readonly context: StreamContext;
  readonly owner: ShareOwner;
  /** `Last-Event-ID` of a client that reconnects. */
  readonly lastEventId: string | null;
  /** Checked every few seconds; false ends the stream. */
  readonly mayContinue: () => Promise<boolean>;
}

export interface StreamSource extends StreamRequest {
  /** The topic for `wake`. */
  readonly topic: string;
  /** Reads the events after a position; null reads the current end. A failure ends the stream, and the client resumes. */
  readonly read: (position: string | null) => Promise<StreamBatch>;
}

interface OpenStream {
  readonly source: StreamSource;
  wake(): void;
  /** Sends a keep-alive comment when it is due, and disconnects a stalled client. */
  tick(nowMs: number): void;
  end(): void;
}

/**
 * Server-sent events (WHATWG HTML, section 9.2) without gaps: a stream reads the events after its position from a store,
 * whenever it is woken and its client has read what was sent. No events are buffered per client.
 */
export function createEventStreams(runtime: Runtime, limits: ShareLimits) {
  const shares = createShares(runtime.metrics, { name: 'event-streams', limits });
  const streams = new Set<OpenStream>();
  const reads = createWorkQueue({
    name: 'event stream reads',
    metrics: runtime.metrics,
    limits: { concurrent: MAX_CONCURRENT_READS, waiting: limits.maximum },
  });
  let isDraining = false;
  const ticking = setInterval(() => {
    for (const stream of streams) stream.tick(performance.now());
  }, TICK_MS);
  new Gauge({
    name: 'event_streams_open',
    help: 'Open streams of server-sent events',
    registers: [runtime.metrics],
    collect() {
      this.set(streams.size);
    },
  });
  runtime.onClose('event streams', drain);

  async function drain() {
    isDraining = true;
    clearInterval(ticking);
    for (const stream of streams) stream.end();
  }

  return {
    /** @throws TooManyStreams at the limits, or while draining; StreamShareExceeded at those of the reader */
    open(source: StreamSource): Response {
      if (isDraining) throw STREAM_PROBLEMS.full();
      return eventStreamResponse(source.context, source.owner, shares, (release) =>
        openStream(runtime, source, { streams, reads, release }),
      );
    },
    /** Wakes the streams of one topic, or all, to read new events. */
    wake(topic?: string): void {
      for (const stream of streams) if (topic === undefined || stream.source.topic === topic) stream.wake();
    },
    count: () => streams.size,
    /** The topics of the open streams. */
    topics: (): Set<string> => new Set([...streams].map((stream) => stream.source.topic)),
    /** Ends all streams, whose clients reconnect to another instance; for `serveService`. */
    drain,
  };
}

interface Shared {
  readonly streams: Set<OpenStream>;
  readonly reads: WorkQueue;
  /** Releases the place of the stream. */
  release(): void;
}

function openStream(runtime: Runtime, source: StreamSource, shared: Shared): ReadableStream<Uint8Array> {
  let stream: ReturnType<typeof startStream>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      stream = startStream(runtime, source, shared, createOutlet(controller));
    },
    pull: () => stream.onRead(),
    cancel: () => stream.onDisconnect(),
  });
}

function startStream(runtime: Runtime, source: StreamSource, shared: Shared, outlet: Outlet) {
  let position = source.lastEventId;
  let isDue = true;
  let ended = false;
  let signal = Promise.withResolvers<void>();

  const finish = (close: () => void) => {
    if (ended) return;
    ended = true;
    shared.streams.delete(stream);
    shared.release();
    signal.resolve();
    close();
  };
  const stream = {
    source,
    wake() {
      isDue = true;
      signal.resolve();
    },
    tick(nowMs: number) {
      if (outlet.stalledMs(nowMs) > STALLED_MS)
        finish(() => outlet.fail(new Error('The client has stalled')));
      else if (outlet.hasRoom() && outlet.idleMs(nowMs) >= COMMENT_EVERY_MS) {
        outlet.send(commentFrame(position ?? undefined));
        void endUnlessAllowed(runtime, stream);
      }
    },
    end: () => finish(outlet.close),
    /** The client has read something. */
    onRead: () => signal.resolve(),
    onDisconnect: () => finish(() => undefined),
  };

  async function run() {
    while (!ended) {
      if (!isDue || !outlet.hasRoom()) {
        await signal.promise;
        signal = Promise.withResolvers();
        continue;
      }
      isDue = false;
      const batch = await shared.reads.run(async () => (ended ? undefined : source.read(position)));
      if (ended || batch === undefined) return;
      const isFirst = position === null;
      position = batch.position;
      if (batch.more) isDue = true;
      if (batch.events.length > 0)
        outlet.send(batch.events.map(({ id, name, data }) => eventFrame({ id, event: name, data })).join(''));
      else if (isFirst) outlet.send(positionFrame(position));
    }
  }

  shared.streams.add(stream);
  outlet.send(retryFrame(RECONNECT_MS));
  run().catch((failure: unknown) => {
    runtime.log.warn({ err: failure }, 'An event stream failed; its client resumes');
    stream.end();
  });
  return stream;
}

async function endUnlessAllowed(runtime: Runtime, stream: OpenStream): Promise<void> {
  try {
    if (!(await stream.source.mayContinue())) stream.end();
  } catch (failure) {
    runtime.log.warn({ err: failure }, 'Checking an event stream failed; it continues');
  }
}

type Outlet = ReturnType<typeof createOutlet>;

/** The output of a stream, which tracks how fast its client reads. */
function createOutlet(controller: ReadableStreamDefaultController<Uint8Array>) {
  const encoder = new TextEncoder();
  let sentAtMs = performance.now();
  let fullSinceMs: number | undefined;
  const hasRoom = () => (controller.desiredSize ?? 0) > 0;
  return {
    hasRoom,
    send(text: string) {
      sentAtMs = performance.now();
      controller.enqueue(encoder.encode(text));
    },
    idleMs: (nowMs: number) => nowMs - sentAtMs,
    /** How long the client has read nothing. */
    stalledMs(nowMs: number) {
      if (hasRoom()) fullSinceMs = undefined;
      else fullSinceMs ??= nowMs;
      return fullSinceMs === undefined ? 0 : nowMs - fullSinceMs;
    },
    close: () => controller.close(),
    fail: (reason: Error) => controller.error(reason),
  };
}

/**
 * What a request says about the stream it opens.
 *
 * @param context of its route
 * @param caller who is signed in; the stream ends with the validity of the token
 */
export const streamRequestOf = (
  tokens: TokenVerifier,
  { request, server }: StreamContext,
  caller: Caller | null,
): StreamRequest => ({
  context: { request, server },
  owner: ownerOf({ request, server }, caller),
  lastEventId: request.headers.get('last-event-id'),
  mayContinue: isTokenValid(tokens, request),
});

/** Whether the access token of a request, if any, is still valid. */
function isTokenValid(tokens: TokenVerifier, request: Request): () => Promise<boolean> {
  const token = bearerTokenIn(request.headers.get('authorization'));
  return async () => {
    if (token === null) return true;
    try {
      // What it may do was decided when the stream was opened.
      await tokens.identify(token);
      return true;
    } catch (failure) {
      if (failure instanceof Unauthenticated) return false;
      throw failure;
    }
  };
}
