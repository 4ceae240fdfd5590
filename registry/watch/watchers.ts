import { commentFrame, eventFrame, retryFrame } from '#kit/http/streams/sse';
import type { Table } from '../table/model';
import { createEventFrames } from './event-frames';

/** Servers and proxies on the way close idle streams after about 10 s: a comment is sent before that. */
const COMMENT_MIN_MS = 3_000;
const COMMENT_JITTER_MS = 3_500;
/** A watcher that reads nothing for this long is disconnected; it resumes from its position when it reconnects. */
const STALLED_MS = 10_000;
/**
 * The network and CPU budget for notifications: 250 MB/s, about a fifth of one core. During bursts of changes watchers
 * are notified less often, with each service once; in a quiet registry every change is sent at once.
 */
const BYTES_PER_MS = 250_000;
const MAX_PAUSE_MS = 1_000;
const RECONNECT_MS = 1_000;

/** How a stream begins, and who is notified when it ends. */
export interface StreamStart {
  /** `<epoch>:<revision>` to resume from. */
  readonly lastEventId: string | null;
  /** The first event. */
  readonly greeting?: { readonly event: string; readonly data: object } | undefined;
  readonly ended: () => void;
}

interface Watcher {
  readonly ended: () => void;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The revision it was last sent; what came after is looked up when it can read more. */
  sentRevision: number;
  commentAtMs: number;
  /** Since when it has not read what is pending for it. */
  stalledAtMs: number | undefined;
}

export type Watchers = ReturnType<typeof createWatchers>;

/**
 * Notifies watchers (SSE) and waiters (long poll) of changes. There is no backlog per watcher: a slow one is sent
 * whatever has changed since the revision it was last sent, which the table knows.
 *
 * @param options.now monotonic milliseconds
 */
export function createWatchers(table: Table, options: { now: () => number }) {
  const { now } = options;
  const encoder = new TextEncoder();
  const eventFrames = createEventFrames(table);
  const watchers = new Set<Watcher>();
  const waiters = new Set<() => void>();
  let notifiedRevision = table.revision();
  let pausedUntilMs = 0;
  let timer: Timer | undefined;

  function open({ lastEventId, greeting, ended }: StreamStart): ReadableStream<Uint8Array> {
    let watcher: Watcher | undefined;
    return new ReadableStream<Uint8Array>({
      start(controller) {
        const sentRevision = parseRevision(lastEventId, table) ?? -1;
        watcher = {
          controller,
          sentRevision,
          commentAtMs: nextComment(now()),
          stalledAtMs: undefined,
          ended,
        };
        watchers.add(watcher);
        controller.enqueue(encoder.encode(retryFrame(RECONNECT_MS)));
        if (greeting) controller.enqueue(encoder.encode(eventFrame(greeting)));
        const frames = eventFrames.since(sentRevision);
        for (const frame of frames) controller.enqueue(frame);
        if (frames.length === 0) controller.enqueue(encoder.encode(commentFrame()));
        watcher.sentRevision = table.revision();
      },
      pull() {
        if (watcher && watcher.sentRevision < table.revision()) scheduleNotification();
      },
      cancel() {
        if (watcher) remove(watcher);
      },
    });
  }

  /** Resolves when the table has changed, `ms` have passed, or the signal aborts. */
  function waitForChange(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timeout);
        waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timeout = setTimeout(done, ms);
      waiters.add(done);
      signal.addEventListener('abort', done);
    });
  }

  /** To be called after anything that may have changed the table. */
  function notify(): void {
    if (table.revision() !== notifiedRevision) scheduleNotification();
  }

  function scheduleNotification() {
    if (timer !== undefined) return;
    const pauseMs = pausedUntilMs - now();
    if (pauseMs <= 0) notifyAll();
    else timer = setTimeout(notifyAll, pauseMs);
  }

  function notifyAll() {
    timer = undefined;
    notifiedRevision = table.revision();
    // Watchers at the same revision are sent the same frames.
    const pending = new Map<number, readonly Uint8Array[]>();
    let bytes = 0;
    for (const watcher of watchers) {
      if (watcher.sentRevision === notifiedRevision) continue;
      const frames = pending.get(watcher.sentRevision) ?? eventFrames.since(watcher.sentRevision);
      pending.set(watcher.sentRevision, frames);
      bytes += sendChanges(watcher, frames);
    }
    for (const done of [...waiters]) done();
    pausedUntilMs = now() + Math.min(bytes / BYTES_PER_MS, MAX_PAUSE_MS);
  }

  /** Returns the number of bytes sent. */
  function sendChanges(watcher: Watcher, frames: readonly Uint8Array[]): number {
    if (!isWritable(watcher)) {
      watcher.stalledAtMs ??= now();
      return 0;
    }
    watcher.sentRevision = table.revision();
    watcher.stalledAtMs = undefined;
    return frames.reduce((bytes, frame) => bytes + send(watcher, frame), 0);
  }

  /** Disconnects stalled watchers and keeps idle streams open. To be called at least every second. */
  function tick(): void {
    const time = now();
    const comment = encoder.encode(commentFrame());
    for (const watcher of watchers) {
      if (watcher.stalledAtMs !== undefined && time - watcher.stalledAtMs > STALLED_MS) disconnect(watcher);
      else if (time >= watcher.commentAtMs && isWritable(watcher)) send(watcher, comment);
    }
  }

  function send(watcher: Watcher, frame: Uint8Array): number {
    watcher.commentAtMs = nextComment(now());
    watcher.controller.enqueue(frame);
    return frame.length;
  }

  function disconnect(watcher: Watcher) {
    remove(watcher);
    watcher.controller.error(new Error('The watcher is stalled: it has stopped reading its stream'));
  }

  function remove(watcher: Watcher) {
    watchers.delete(watcher);
    watcher.ended();
  }

  function close(): void {
    clearTimeout(timer);
    for (const watcher of [...watchers]) {
      watcher.controller.close();
      remove(watcher);
    }
    for (const done of [...waiters]) done();
  }

  return { open, waitForChange, notify, tick, close, count: () => watchers.size + waiters.size };
}

const isWritable = ({ controller }: Watcher) => (controller.desiredSize ?? 0) > 0;

const nextComment = (nowMs: number) => nowMs + COMMENT_MIN_MS + Math.random() * COMMENT_JITTER_MS;

/** The revision to resume from, when `<epoch>:<revision>` is of this table. */
function parseRevision(lastEventId: string | null, table: Table): number | undefined {
  const [epoch, revision = ''] = lastEventId?.split(':') ?? [];
  return epoch === table.epoch && /^\d{1,15}$/.test(revision) ? Number(revision) : undefined;
}
