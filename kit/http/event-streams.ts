import { Gauge } from 'prom-client';
import { bearerTokenIn } from '../auth/bearer';
import type { TokenVerifier } from '../auth/tokens';
import { limitConcurrency } from '../core/concurrency-limit';
import type { Runtime } from '../core/runtime';
import { defineProblem, Unauthenticated } from '../errors/problem';
import { commentFrame, eventFrame, eventStreamResponse, positionFrame, retryFrame } from './sse';

export const TooManyStreams = defineProblem(
  'stream.too-many',
  503,
  'No further stream can be opened here at the moment',
);

/** Quiet streams are cut after about 10 s by servers and proxies on the way: something is sent sooner than that. */
const COMMENT_EVERY_MS = 5_000;
/** A reader that takes nothing for so long is dropped; it resumes where it was when it comes back. */
const STALLED_MS = 15_000;
const TICK_MS = 1_000;
const RECONNECT_MS = 1_000;
/** Streams that are all told of the same thing read it a few at a time: requests need the database too. */
const READS_AT_ONCE = 8;

export interface StreamEvent {
  readonly id: string;
  readonly name: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

export interface StreamBatch {
  readonly events: readonly StreamEvent[];
  /** Up to where was read, whether or not the reader got to see it: the id to resume from. */
  readonly position: string;
  /** There is more already. */
  readonly more: boolean;
}

export interface StreamSource {
  /** Whom `wake` may name. */
  readonly topic: string;
  /** `Last-Event-ID` of a reader that comes back. */
  readonly lastEventId: string | null;
  /** What came after a position; null asks where the end is now. Its failure ends the stream, to be resumed. */
  readonly read: (position: string | null) => Promise<StreamBatch>;
  /** Asked every few seconds; false ends the stream. */
  readonly mayContinue: () => Promise<boolean>;
}

interface OpenStream {
  readonly source: StreamSource;
  wake(): void;
  /** Sends a comment when it is time for one, and drops a reader that takes nothing. */
  tick(nowMs: number): void;
  end(): void;
}

/**
 * Server-sent events (WHATWG HTML, section 9.2) that miss nothing: a stream reads what came after its position from a
 * record, whenever it is woken and its reader has taken what it was sent. No backlog is kept for anybody.
 *
 * @param options.maximum streams open at a time in this process
 */
export function createEventStreams(runtime: Runtime, options: { maximum: number }) {
  const streams = new Set<OpenStream>();
  const inTurn = limitConcurrency({ concurrent: READS_AT_ONCE, waiting: options.maximum });
  let ending = false;
  const ticking = setInterval(() => {
    for (const stream of streams) stream.tick(performance.now());
  }, TICK_MS);
  new Gauge({
    name: 'event_streams_open',
    help: 'Streams of server-sent events that are open',
    registers: [runtime.metrics],
    collect() {
      this.set(streams.size);
    },
  });
  runtime.onClose('event streams', end);

  async function end() {
    ending = true;
    clearInterval(ticking);
    for (const stream of streams) stream.end();
  }

  return {
    /** @throws TooManyStreams when there are as many as there may be, or the process is about to end */
    open(source: StreamSource): Response {
      if (ending || streams.size >= options.maximum)
        throw new TooManyStreams({ headers: { 'retry-after': '2' } });
      return eventStreamResponse(openStream(runtime, source, { streams, inTurn }));
    },
    /** Lets streams look for something new: those of one topic, or all. */
    wake(topic?: string): void {
      for (const stream of streams) if (topic === undefined || stream.source.topic === topic) stream.wake();
    },
    count: () => streams.size,
    /** Whom the open streams are about. */
    topics: (): Set<string> => new Set([...streams].map((stream) => stream.source.topic)),
    /** Ends all streams, whose readers come back to another instance; for `serveService`. */
    drain: end,
  };
}

interface Shared {
  readonly streams: Set<OpenStream>;
  readonly inTurn: ReturnType<typeof limitConcurrency>;
}

function openStream(runtime: Runtime, source: StreamSource, shared: Shared): ReadableStream<Uint8Array> {
  let stream: ReturnType<typeof startStream>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      stream = startStream(runtime, source, shared, createOutlet(controller));
    },
    pull: () => stream.goOn(),
    cancel: () => stream.left(),
  });
}

function startStream(runtime: Runtime, source: StreamSource, shared: Shared, outlet: Outlet) {
  let position = source.lastEventId;
  let isDue = true;
  let ended = false;
  let bell = Promise.withResolvers<void>();

  const finish = (how: () => void) => {
    if (ended) return;
    ended = true;
    shared.streams.delete(stream);
    bell.resolve();
    how();
  };
  const stream = {
    source,
    wake() {
      isDue = true;
      bell.resolve();
    },
    tick(nowMs: number) {
      if (outlet.stalledMs(nowMs) > STALLED_MS)
        finish(() => outlet.fail(new Error('This reader has not taken what it was sent')));
      else if (outlet.hasRoom() && outlet.quietMs(nowMs) >= COMMENT_EVERY_MS) {
        outlet.send(commentFrame(position ?? undefined));
        void endUnlessAllowed(runtime, stream);
      }
    },
    end: () => finish(outlet.close),
    /** The reader has taken something. */
    goOn: () => bell.resolve(),
    left: () => finish(() => undefined),
  };

  async function run() {
    while (!ended) {
      if (!isDue || !outlet.hasRoom()) {
        await bell.promise;
        bell = Promise.withResolvers();
        continue;
      }
      isDue = false;
      const batch = await shared.inTurn(() => source.read(position));
      if (ended) return;
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
    runtime.log.warn({ err: failure }, 'a stream was ended, to be resumed');
    stream.end();
  });
  return stream;
}

async function endUnlessAllowed(runtime: Runtime, stream: OpenStream): Promise<void> {
  try {
    if (!(await stream.source.mayContinue())) stream.end();
  } catch (failure) {
    runtime.log.warn({ err: failure }, 'whether a stream may go on is not known');
  }
}

type Outlet = ReturnType<typeof createOutlet>;

/** Where a stream's text goes, and how its reader takes it. */
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
    quietMs: (nowMs: number) => nowMs - sentAtMs,
    /** How long the reader has been seen to take nothing. */
    stalledMs(nowMs: number) {
      if (hasRoom()) fullSinceMs = undefined;
      else fullSinceMs ??= nowMs;
      return fullSinceMs === undefined ? 0 : nowMs - fullSinceMs;
    },
    close: () => controller.close(),
    fail: (reason: Error) => controller.error(reason),
  };
}

/** For `mayContinue`: whether the token a request came with, if any, is still good. */
export function isTokenValid(tokens: TokenVerifier, request: Request): () => Promise<boolean> {
  const token = bearerTokenIn(request.headers.get('authorization'));
  return async () => {
    if (token === null) return true;
    try {
      await tokens.verify(token);
      return true;
    } catch (failure) {
      if (failure instanceof Unauthenticated) return false;
      throw failure;
    }
  };
}
